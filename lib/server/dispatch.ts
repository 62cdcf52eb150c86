import { createHash } from 'node:crypto';
import type { Completion, CompletionStore } from '../completions/store.ts';
import {
  codeOf,
  HoldfastError,
  isHoldfastError,
  messageOf,
  type RemoteFailure,
} from '../errors.ts';
import { ValueForm } from '../protocols/holdfast/frames.ts';
import type { ArrivedCall } from '../protocols/holdfast/server-wire.ts';
import { packValue, unpackValue } from '../protocols/holdfast/values.ts';
import type { Refusal } from '../protocols/protocol.ts';
import { describeIssues, type StandardSchema } from '../verbs/schema.ts';
import type { ServedVerb } from './handlers.ts';
import type { ResolvedServerOptions } from './options.ts';
import { ServerCall } from './server-call.ts';
import type { ServerLink } from './server-link.ts';

/** Who hears of handlers that failed; their stacks do not cross the wire. */
export interface DispatchListener {
  onHandlerError(verb: string, error: unknown): void;
}

/** From a call that arrived to its answer: admission, the input, the handler, the record. */
export class Dispatch {
  /** Calls whose handlers run, on all links. */
  running = 0;
  isDraining = false;
  readonly #served: readonly ServedVerb[];
  readonly #options: ResolvedServerOptions;
  readonly #store: CompletionStore;
  readonly #listener: DispatchListener;
  /** Those who wait for a `once` call that runs already, by its record's key. */
  readonly #attached = new Map<string, ServerCall[]>();

  constructor(
    served: readonly ServedVerb[],
    options: ResolvedServerOptions,
    store: CompletionStore,
    listener: DispatchListener,
  ) {
    this.#served = served;
    this.#options = options;
    this.#store = store;
    this.#listener = listener;
  }

  onCall(link: ServerLink, arrived: ArrivedCall): void {
    const { number } = arrived;
    const served = this.#served[arrived.verbIndex];
    if (this.#isRunning(link, arrived)) return;
    const refusal = this.#admit(link, arrived, served);
    if (refusal !== undefined || served === undefined) {
      link.refuse(number, refusal ?? noSuchVerb(arrived.verbIndex));
      return;
    }
    let input: unknown;
    const { form, buffer, valueStart, valueEnd, owned } = arrived;
    try {
      input = unpackValue(form, buffer, valueStart, valueEnd, owned);
    } catch (error) {
      link.refuse(number, final(error as HoldfastError));
      return;
    }
    const { clock } = this.#options;
    const inputBytes = valueEnd - valueStart;
    const deadlineAt = clock.now() + arrived.remainingMs;
    const isOnce = served.verb.safety === 'once';
    const key = isOnce ? recordKey(link, arrived) : arrived.key;
    const call = new ServerCall(
      link,
      served.name,
      number,
      arrived.attempt,
      key,
      inputBytes,
      deadlineAt,
      clock,
    );
    if (served.isPlain) {
      this.#runPlain(served, call, input);
      return;
    }
    const fingerprint = isOnce ? fingerprintOf(served.name, arrived) : '';
    this.#begin(call);
    this.#runChecked(served, call, input, fingerprint).then(
      () => this.#end(call),
      (error: unknown) => {
        this.#end(call);
        this.#fail(call, error);
      },
    );
  }

  /**
   * A call that runs already: on this link its number must not come again; on an older link of the
   * session it is asked for again, and its answer goes to the newer link.
   */
  #isRunning(link: ServerLink, { number, attempt }: ArrivedCall): boolean {
    if (attempt <= 1) {
      if (number <= link.highestNumber) throw duplicate(number);
      link.highestNumber = number;
      return false;
    }
    const running = link.session?.running.get(number);
    if (running === undefined) return false;
    if (running.link === link) throw duplicate(number);
    running.link = link;
    return true;
  }

  #admit(
    link: ServerLink,
    arrived: ArrivedCall,
    served: ServedVerb | undefined,
  ): Refusal | undefined {
    const { maxCalls, maxIncomingBytes } = this.#options;
    if (served === undefined) return noSuchVerb(arrived.verbIndex);
    if (this.isDraining) return busy('ERR_HOLDFAST_DRAINING', 'the server is draining');
    if (link.running >= maxCalls) {
      return busy(
        'ERR_HOLDFAST_TOO_MANY_CALLS',
        `the server's limit maxCalls (${maxCalls}) is reached`,
      );
    }
    if (link.incomingBytes + arrived.valueEnd - arrived.valueStart > maxIncomingBytes) {
      return busy(
        'ERR_HOLDFAST_INCOMING_FULL',
        `the server's limit maxIncomingBytes (${maxIncomingBytes}) is reached`,
      );
    }
    if (arrived.remainingMs > 0) return undefined;
    return {
      code: 'ERR_HOLDFAST_DEADLINE',
      message: 'its deadline had passed when it arrived',
      final: true,
    };
  }

  /** The frequent way: no schema, no record. A handler that answers at once costs no promise. */
  #runPlain(served: ServedVerb, call: ServerCall, input: unknown): void {
    let output: unknown;
    try {
      output = served.handler(input, call);
    } catch (error) {
      this.#fail(call, error);
      return;
    }
    if (!isThenable(output)) {
      this.#reply(call, output);
      return;
    }
    this.#begin(call);
    output.then(
      (value) => {
        this.#end(call);
        this.#reply(call, value);
      },
      (error) => {
        this.#end(call);
        this.#fail(call, error);
      },
    );
  }

  async #runChecked(
    { verb, handler, name }: ServedVerb,
    call: ServerCall,
    given: unknown,
    fingerprint: string,
  ): Promise<void> {
    let input = given;
    if (verb.input !== undefined) {
      const result = await verb.input['~standard'].validate(given);
      if (result.issues !== undefined) {
        this.#answer(call, (link) => link.refuse(call.number, wrongInput(result.issues)));
        return;
      }
      input = result.value;
    }
    if (verb.safety === 'once')
      await this.#runOnce(handler, verb.output, call, input, fingerprint, name);
    else this.#reply(call, await checkedOutput(verb.output, await handler(input, call)));
  }

  /** Executes at most once for each key; repeats get the record, or wait for the one that runs. */
  async #runOnce(
    handler: ServedVerb['handler'],
    output: StandardSchema | undefined,
    call: ServerCall,
    input: unknown,
    fingerprint: string,
    name: string,
  ): Promise<void> {
    const key = call.key as string;
    const keepMs = Math.max(this.#options.keepRecordsMs, call.remainingMs);
    const begun = await this.#store.begin(key, fingerprint, keepMs);
    switch (begun.state) {
      case 'done':
        this.#complete(call, begun.completion);
        return;
      case 'running':
        this.#attach(key, call);
        return;
      case 'mismatch':
        this.#answer(call, (link) => link.refuse(call.number, keyReused(name)));
        return;
      case 'full':
        this.#answer(call, (link) =>
          link.refuse(
            call.number,
            busy('ERR_HOLDFAST_REFUSED', 'the server cannot record another "once" call'),
          ),
        );
        return;
      case 'new':
        break;
    }
    let completion: Completion;
    try {
      const value = await checkedOutput(output, await handler(input, call));
      const isBytes = value instanceof Uint8Array;
      completion = {
        kind: 'reply',
        value: value === undefined ? undefined : isBytes ? Buffer.from(value) : packValue(value),
        isBytes,
      };
    } catch (error) {
      if (isRefusal(error)) {
        await this.#store.abandon(key);
        for (const waiter of [call, ...this.#detach(key)]) this.#fail(waiter, error);
        return;
      }
      this.#listener.onHandlerError(name, error);
      completion = { kind: 'error', failure: failureOf(error) };
    }
    await this.#store.finish(key, completion);
    for (const waiter of [call, ...this.#detach(key)]) this.#complete(waiter, completion);
  }

  #attach(key: string, call: ServerCall): void {
    const others = this.#attached.get(key);
    if (others === undefined) this.#attached.set(key, [call]);
    else others.push(call);
  }

  #detach(key: string): ServerCall[] {
    const waiters = this.#attached.get(key) ?? [];
    this.#attached.delete(key);
    return waiters;
  }

  #complete(call: ServerCall, completion: Completion): void {
    if (completion.kind === 'error') {
      this.#answer(call, (link) => link.error(call.number, completion.failure));
      return;
    }
    const { value, isBytes } = completion;
    const form = value === undefined ? ValueForm.none : ValueForm.msgpack;
    this.#reply(
      call,
      isBytes || value === undefined
        ? value
        : unpackValue(form, value as Buffer, 0, value.length, false),
    );
  }

  #begin(call: ServerCall): void {
    const { link } = call;
    this.running++;
    link.running++;
    link.incomingBytes += call.inputBytes;
    link.session?.running.set(call.number, call);
  }

  #end(call: ServerCall): void {
    const link = call.countedOn;
    this.running--;
    link.running--;
    link.incomingBytes -= call.inputBytes;
    link.session?.finished(call);
  }

  #reply(call: ServerCall, value: unknown): void {
    this.#answer(call, (link) => {
      try {
        link.reply(call.number, value);
      } catch (error) {
        // The handler ran, but its reply cannot travel.
        this.#listener.onHandlerError(call.verb, error);
        link.error(call.number, failureOf(error));
      }
    });
  }

  #fail(call: ServerCall, error: unknown): void {
    if (isRefusal(error)) {
      const { message, retryAfterMs, final: isFinal } = error;
      this.#answer(call, (link) =>
        link.refuse(call.number, { code: error.code, message, retryAfterMs, final: isFinal }),
      );
      return;
    }
    if (!call.isCancelled) this.#listener.onHandlerError(call.verb, error);
    this.#answer(call, (link) => link.error(call.number, failureOf(error)));
  }

  #answer(call: ServerCall, send: (link: ServerLink) => void): void {
    if (!call.isCancelled && call.link.isOpen) send(call.link);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as PromiseLike<unknown>).then === 'function'
  );
}

async function checkedOutput(
  schema: StandardSchema | undefined,
  output: unknown,
): Promise<unknown> {
  if (schema === undefined) return output;
  const result = await schema['~standard'].validate(output);
  if (result.issues === undefined) return output;
  throw new HoldfastError(
    'ERR_HOLDFAST_OUTPUT',
    `The reply does not satisfy the output schema: ${describeIssues(result.issues)}`,
    { outcome: 'executed' },
  );
}

/** Under which key a `once` call is recorded: the caller's, or one that no other call has. */
function recordKey(link: ServerLink, { key, number }: ArrivedCall): string {
  return key === undefined ? `${link.session?.id}:${number}` : `key:${key}`;
}

/** What tells a repeat from another call under the same key. */
function fingerprintOf(verb: string, { form, buffer, valueStart, valueEnd }: ArrivedCall): string {
  const hash = createHash('sha256').update(`${verb}\0${form}\0`);
  return hash.update(buffer.subarray(valueStart, valueEnd)).digest('base64');
}

/** What of a handler's error crosses the wire: no stack, no internals. */
function failureOf(error: unknown): RemoteFailure {
  const code = codeOf(error) || 'ERROR';
  const data = (error as { data?: unknown } | null | undefined)?.data;
  const failure = { code, message: messageOf(error) };
  return data === undefined ? failure : { ...failure, data };
}

function isRefusal(error: unknown): error is HoldfastError {
  return (
    isHoldfastError(error) && error.code === 'ERR_HOLDFAST_REFUSED' && error.verb === undefined
  );
}

function busy(code: string, message: string): Refusal {
  return { code, message, final: false };
}

function final({ code, message }: HoldfastError): Refusal {
  return { code, message, final: true };
}

function noSuchVerb(index: number): Refusal {
  return {
    code: 'ERR_HOLDFAST_UNKNOWN_VERB',
    message: `the server has no verb at place ${index}`,
    final: true,
  };
}

function wrongInput(issues: Parameters<typeof describeIssues>[0]): Refusal {
  return {
    code: 'ERR_HOLDFAST_INPUT',
    message: `its input is wrong: ${describeIssues(issues)}`,
    final: true,
  };
}

function keyReused(verb: string): Refusal {
  return {
    code: 'ERR_HOLDFAST_KEY_REUSED',
    message: `the key was used before for another "${verb}" input`,
    final: true,
  };
}

function duplicate(number: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_PROTOCOL',
    `Call number ${number} was used before on this link`,
  );
}
