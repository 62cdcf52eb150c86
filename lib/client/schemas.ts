import { HoldfastError } from '../errors.ts';
import { Alarm, type TimerWheel } from '../retry/timer-wheel.ts';
import type { Clock } from '../util/clock.ts';
import { isThenable } from '../util/is-thenable.ts';
import { describeIssues, type StandardResult } from '../verbs/schema.ts';
import { cancelledError } from './failures.ts';
import type { VerbUse } from './verb-use.ts';

/**
 * Looks at an input. A validator that takes its time is waited for.
 *
 * @throws HoldfastError `ERR_HOLDFAST_INPUT` unless the input satisfies the verb's schema, if it has one
 */
export function checkInput(verb: VerbUse, input: unknown): Promise<void> | undefined {
  const result = verb.input?.['~standard'].validate(input);
  if (isThenable(result)) return Promise.resolve(result).then((later) => accept(verb, later));
  accept(verb, result);
  return undefined;
}

function accept(verb: VerbUse, result: StandardResult<unknown> | undefined): void {
  if (result?.issues === undefined) return;
  const why = `its input is wrong: ${describeIssues(result.issues)}`;
  throw notMade('ERR_HOLDFAST_INPUT', verb, why);
}

/** What bounds the look at an input. */
export interface InputBounds {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Calls whose inputs are being looked at. They are pending as others are, though not made yet. */
export class InputChecks {
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  readonly #ends = new Set<(end: (verb: VerbUse) => HoldfastError) => void>();
  #onIdle: (() => void) | undefined;

  constructor(clock: Clock, wheel: TimerWheel) {
    this.#clock = clock;
    this.#wheel = wheel;
  }

  /** Settles as `check` does, but in time, and no later than the client. */
  async wait(
    verb: VerbUse,
    check: Promise<void>,
    { timeoutMs, signal }: InputBounds,
  ): Promise<void> {
    let end: (error: (verb: VerbUse) => HoldfastError) => void = () => {};
    const ended = new Promise<never>((_, reject) => {
      end = (error) => reject(error(verb));
    });
    const late = `its deadline of ${timeoutMs} ms passed while its input was looked at`;
    const alarm = new Alarm(this.#wheel, () =>
      end(() => notMade('ERR_HOLDFAST_DEADLINE', verb, late)),
    );
    const onAbort = (): void => end(() => cancelledError(verb, signal as AbortSignal));
    this.#ends.add(end);
    this.#wheel.hold();
    alarm.set(this.#clock.now() + timeoutMs);
    signal?.addEventListener('abort', onAbort);
    // It tells of what is to come, and not of what was.
    if (signal?.aborted) onAbort();
    try {
      await Promise.race([check, ended]);
    } finally {
      signal?.removeEventListener('abort', onAbort);
      alarm.clear();
      this.#wheel.release();
      this.#ends.delete(end);
      // Behind the call that is made now.
      if (this.#ends.size === 0) process.nextTick(() => this.#tellIdle());
    }
  }

  /** Calls back when no input is looked at, and what was is a call. */
  whenIdle(callback: () => void): void {
    this.#onIdle = callback;
    if (this.#ends.size === 0) this.#tellIdle();
  }

  /** The client ends now. */
  failAll(error: (verb: VerbUse) => HoldfastError): void {
    for (const end of this.#ends) end(error);
  }

  #tellIdle(): void {
    if (this.#ends.size > 0) return;
    const tell = this.#onIdle;
    this.#onIdle = undefined;
    tell?.();
  }
}

function notMade(
  code: 'ERR_HOLDFAST_INPUT' | 'ERR_HOLDFAST_DEADLINE',
  { name }: VerbUse,
  why: string,
): HoldfastError {
  const message = `Call "${name}" was not made: ${why}`;
  return new HoldfastError(code, message, { verb: name, final: code === 'ERR_HOLDFAST_INPUT' });
}
