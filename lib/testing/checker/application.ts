import type { CallContext } from '../../server/call-context.ts';
import type { Handler, Handlers } from '../../server/handlers.ts';
import { optionError } from '../../util/check.ts';
import type { Clock, Timer } from '../../util/clock.ts';
import { describeIssues } from '../../verbs/schema.ts';
import type { Verbs } from '../../verbs/verb.ts';
import type { Ending } from './judge.ts';

/** An application at its beginning, as `checkVerbs` tries it. */
export interface CheckedApplication<V extends Verbs = Verbs> {
  /** As `serve` takes them. */
  readonly handlers: Handlers<V>;
  /**
   * All the state that calls may change, as plain data that can be compared and cloned. What is
   * random or tells the time must be left out, or made the same each time.
   */
  readonly snapshot: () => unknown;
  /** Lets go of what the application holds. */
  readonly close?: () => unknown;
}

/** One call of a history. */
export interface Step {
  readonly verb: string;
  readonly input: unknown;
}

/** What calls are made with. */
export interface CallSettings {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly context: Partial<CallContext>;
}

/** One fresh application, and calls to its handlers as a server would make them. */
export class Specimen {
  readonly #verbs: Verbs;
  readonly #application: CheckedApplication;
  readonly #settings: CallSettings;
  #calls = 0;

  constructor(verbs: Verbs, application: CheckedApplication, settings: CallSettings) {
    this.#verbs = verbs;
    this.#application = application;
    this.#settings = settings;
  }

  async close(): Promise<void> {
    await this.#application.close?.();
  }

  /** A copy of the state as it is now. */
  async snapshot(): Promise<unknown> {
    return cloned('A snapshot', await this.#application.snapshot());
  }

  /** Calls the handler; never rejects for what the handler does. */
  async call({ verb, input }: Step, isReplay = false): Promise<Ending> {
    const given = cloned(`An input of "${verb}"`, input);
    const { clock, timeoutMs, context } = this.#settings;
    const abort = new AbortController();
    const call: CallContext = {
      ...this.#context(verb, abort.signal),
      attempt: isReplay ? 2 : 1,
      isReplay,
      ...context,
    };
    let timer: Timer | undefined;
    const tooLong = new Promise<never>((_, reject) => {
      timer = clock.setTimer(() => {
        const error = new Error(`The handler of "${verb}" took longer than ${timeoutMs} ms`);
        reject(error);
        abort.abort(error);
      }, timeoutMs);
    });
    try {
      const value = await Promise.race([this.#handled(verb, given, call), tooLong]);
      return { isGood: true, value: cloned(`An output of "${verb}"`, value) };
    } catch (error) {
      return { isGood: false, error };
    } finally {
      timer?.cancel();
    }
  }

  async #handled(name: string, input: unknown, call: CallContext): Promise<unknown> {
    const { handlers } = this.#application;
    const schema = this.#verbs[name]?.input;
    if (schema === undefined) return (handlers[name] as Handler).call(handlers, input, call);
    const result = await schema['~standard'].validate(input);
    if (result.issues !== undefined) {
      throw new Error(`Its input is wrong: ${describeIssues(result.issues)}`);
    }
    return (handlers[name] as Handler).call(handlers, result.value, call);
  }

  #context(verb: string, signal: AbortSignal): Omit<CallContext, 'attempt' | 'isReplay'> {
    const isOnce = this.#verbs[verb]?.safety === 'once';
    return {
      verb,
      remainingMs: this.#settings.timeoutMs,
      signal,
      key: isOnce ? `check ${++this.#calls}` : undefined,
      principal: undefined,
      peer: { medium: 'memory', address: 'memory:check' },
      client: (inner) => inner,
    };
  }
}

/** As it was at that time; what crosses the wire is a copy as well. */
function cloned(what: string, value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch (cause) {
    throw optionError(`${what} must be plain data: ${String(cause)}`);
  }
}
