import { HoldfastError } from '../errors.ts';
import { runWithin } from '../layers/layer.ts';
import { areServerCallsHeard } from '../observe/channels.ts';
import type { ServerWatch, ServerWatches } from '../observe/server-watch.ts';
import type { ArrivedCall } from '../protocols/holdfast/server-wire.ts';
import { HoldfastStreamCodec } from '../protocols/holdfast/stream-codec.ts';
import { unpackValue } from '../protocols/holdfast/values.ts';
import type { Refusal, StreamCodec } from '../protocols/protocol.ts';
import { wheelOf } from '../retry/timer-wheel.ts';
import { isThenable } from '../util/is-thenable.ts';
import { describeIssues, type StandardSchema } from '../verbs/schema.ts';
import { Admission } from './admission.ts';
import { type Answers, busy, hopeless } from './answers.ts';
import type { ServedVerb } from './handlers.ts';
import { fingerprintOf } from './once-ended.ts';
import type { OnceRunner } from './once-runner.ts';
import type { ResolvedServerOptions } from './options.ts';
import { ServerCall } from './server-call.ts';
import type { ServerLink } from './server-link.ts';
import type { Session } from './session.ts';
import { StreamCall } from './stream-call.ts';
import { leastBytes, streamObjection } from './stream-limits.ts';
import { transient } from './transient.ts';

/** From a call that arrived to its answer: admission, the input, the handler. */
export class Dispatch {
  readonly #served: readonly ServedVerb[];
  readonly #options: ResolvedServerOptions;
  readonly #codec: StreamCodec = new HoldfastStreamCodec();
  readonly #answers: Answers;
  readonly #once: OnceRunner;
  readonly #watches: ServerWatches;
  /** By the verb's place in the table. */
  readonly #watchOf: readonly ServerWatch[];
  readonly #admission: Admission | undefined;

  constructor(
    served: readonly ServedVerb[],
    options: ResolvedServerOptions,
    answers: Answers,
    once: OnceRunner,
    watches: ServerWatches,
  ) {
    this.#watches = watches;
    this.#watchOf = served.map(({ name }) => watches.of(name));
    const streamed = served.map(givingItems);
    this.#served = options.propagate ? streamed.map(withinItsCall) : streamed;
    this.#options = options;
    this.#answers = answers;
    this.#once = once;
    const { maxConcurrency, clock } = options;
    if (maxConcurrency === undefined) return;
    const { maxQueue = Math.ceil(maxConcurrency / 2) } = options;
    this.#admission = new Admission({ maxConcurrency, maxQueue }, clock, wheelOf(clock), answers);
  }

  onCall(link: ServerLink, arrived: ArrivedCall): void {
    const session = link.session as Session;
    const { number, verbIndex, form, buffer, valueStart, valueEnd, owned } = arrived;
    const watch = this.#watchOf[verbIndex];
    if (this.#isKnown(link, session, arrived, watch)) return;
    const served = this.#served[verbIndex];
    if (served === undefined || watch === undefined) {
      const message = `the server has no verb at place ${verbIndex}`;
      const refusal = hopeless('ERR_HOLDFAST_UNKNOWN_VERB', message);
      link.refuse(number, refusal);
      this.#watches.unknownVerb(refusal);
      return;
    }
    const refusal = this.#refusalOf(link, session, served, arrived);
    if (refusal !== undefined) {
      link.refuse(number, refusal);
      watch.refused(refusal);
      return;
    }
    let input: unknown;
    try {
      input = unpackValue(form, buffer, valueStart, valueEnd, owned);
    } catch (error) {
      const { code, message } = error as HoldfastError;
      link.refuse(number, hopeless(code, message));
      watch.refused({ code, message });
      return;
    }
    if (served.isPlain && this.#admission === undefined) {
      const { clock } = this.#options;
      const call = new ServerCall(link, session, served, arrived, clock, watch);
      this.#runPlain(served, call, input);
      return;
    }
    const call = this.#callOf(link, session, served, arrived, watch);
    if (this.#admission !== undefined) this.#admit(this.#admission, served, call, input, arrived);
    else this.#runChecked(call, this.#checked(served, call, input, arrived));
  }

  #callOf(
    link: ServerLink,
    session: Session,
    served: ServedVerb,
    arrived: ArrivedCall,
    watch: ServerWatch,
  ): ServerCall {
    const options = this.#options;
    if (served.verb.kind === 'unary') {
      return new ServerCall(link, session, served, arrived, options.clock, watch);
    }
    const call = new StreamCall(link, session, served, arrived, options, watch, this.#codec);
    call.attach(link.streams);
    return call;
  }

  /** Nothing that waits for its turn will run here; true when there was something. */
  refuseWaiting(): boolean {
    return this.#admission?.refuseAll(drainedAway) ?? false;
  }

  /** Runs a call now or when it has its turn. */
  #admit(
    admission: Admission,
    served: ServedVerb,
    call: ServerCall,
    input: unknown,
    arrived: ArrivedCall,
  ): void {
    const work = served.isPlain ? undefined : this.#checked(served, call, input, arrived);
    const run = (): void => {
      if (work === undefined) this.#runPlain(served, call, input);
      else this.#runChecked(call, work);
    };
    if (admission.isFull) {
      this.#hold(call);
      admission.wait(call, run, () => this.#release(call));
    } else {
      admission.enter(call);
      run();
    }
  }

  /**
   * A call that the session knows already. On one link a number comes for the first time only once.
   * A repeat of a call that runs waits for its answer; of one that is done it gets the record.
   */
  #isKnown(
    link: ServerLink,
    session: Session,
    { number, attempt }: ArrivedCall,
    watch: ServerWatch | undefined,
  ): boolean {
    if (attempt <= 1) {
      if (number <= link.highestNumber) throw duplicate(number);
      link.highestNumber = number;
      return false;
    }
    watch?.replayed();
    const running = session.running.get(number);
    if (running !== undefined) {
      if (running.link === link) throw duplicate(number);
      running.link = link;
      session.attach(number, link.streams);
      watch?.overtaken();
      return true;
    }
    if (session.runs(number)) return true;
    if (session.records.fateOf(number) !== 'done') return false;
    link.send(session.records.frameOf(number));
    watch?.answeredAgain();
    return true;
  }

  /** The limits are the session's: a client does not get more by coming again. */
  #refusalOf(
    link: ServerLink,
    session: Session,
    { verb }: ServedVerb,
    arrived: ArrivedCall,
  ): Refusal | undefined {
    const { maxCalls, maxIncomingBytes } = this.#options;
    if (verb.kind !== 'unary') {
      const objection = streamObjection(verb.kind, link.takesStreams, session, this.#options);
      if (objection !== undefined) return objection;
    }
    if (link.isLined) return busy('ERR_HOLDFAST_DRAINING', 'the server is draining');
    if (session.handlers >= maxCalls) {
      const message = `the server's limit maxCalls (${maxCalls}) is reached`;
      return busy('ERR_HOLDFAST_TOO_MANY_CALLS', message);
    }
    const inputBytes = leastBytes(verb.kind, arrived);
    if (session.incomingBytes + inputBytes > maxIncomingBytes) {
      const message = `the server's limit maxIncomingBytes (${maxIncomingBytes}) is reached`;
      const isAlone = inputBytes > maxIncomingBytes;
      return (isAlone ? hopeless : busy)('ERR_HOLDFAST_INCOMING_FULL', message);
    }
    if (arrived.remainingMs > 0) return this.#admission?.objectionTo(session, arrived.remainingMs);
    return hopeless('ERR_HOLDFAST_DEADLINE', 'its deadline had passed when it arrived');
  }

  /** The frequent way: no schema, no record. A handler that answers at once costs no promise. */
  #runPlain(served: ServedVerb, call: ServerCall, input: unknown): void {
    let output: unknown;
    let promise: Promise<unknown> | undefined;
    try {
      output = handled(served, call, input);
      // Whatever a foreign `then` does, the promise that is made of it settles once.
      if (isThenable(output)) promise = Promise.resolve(output);
    } catch (error) {
      this.#answers.fail(call, error);
      if (this.#admission !== undefined) this.#end(call);
      return;
    }
    if (promise === undefined) {
      this.#answers.reply(call, output);
      if (this.#admission !== undefined) this.#end(call);
    } else {
      this.#await(call, promise, (value) => this.#answers.reply(call, value));
    }
  }

  #runChecked(call: ServerCall, work: () => Promise<void>): void {
    this.#await(call, work(), () => {});
  }

  /** What is to be done for a call whose verb has schemas, or is recorded. */
  #checked(
    served: ServedVerb,
    call: ServerCall,
    given: unknown,
    arrived: ArrivedCall,
  ): () => Promise<void> {
    const { name, verb } = served;
    const isOnce = verb.safety === 'once';
    // Now, for the memory of what arrived is reused after this turn.
    const fingerprint = isOnce ? fingerprintOf(name, arrived) : '';
    const keepMs = isOnce ? this.#keepMs(arrived) : 0;
    return async () => {
      let input = given;
      if (verb.input !== undefined) {
        const result = await verb.input['~standard'].validate(given);
        if (result.issues !== undefined) {
          const message = `its input is wrong: ${describeIssues(result.issues)}`;
          this.#answers.refuse(call, hopeless('ERR_HOLDFAST_INPUT', message));
          return;
        }
        input = result.value;
      }
      const handle = async (): Promise<unknown> =>
        checkedOutput(verb.output, await handled(served, call, input));
      if (isOnce) await this.#once.run(call, served, fingerprint, keepMs, handle);
      else this.#answers.reply(call, await handle());
    };
  }

  /** Longer than any repeat of the call can come, and then lie in a connection that hangs. */
  #keepMs({ remainingMs }: ArrivedCall): number {
    const { keepRecordsMs, idlePingMs, heartbeatTimeoutMs } = this.#options;
    return Math.max(keepRecordsMs, remainingMs + idlePingMs + heartbeatTimeoutMs);
  }

  /** The call is on its session's account until the promise settles. */
  #await(call: ServerCall, promise: Promise<unknown>, done: (value: unknown) => void): void {
    if (!call.isHeld) this.#hold(call);
    // Answered first: at no time is a call neither running nor recorded.
    promise.then(
      (value) => {
        done(value);
        this.#end(call);
      },
      (error: unknown) => {
        this.#answers.fail(call, error);
        this.#end(call);
      },
    );
  }

  /** The call is on its session's account from now on. */
  #hold(call: ServerCall): void {
    const { session, inputBytes } = call;
    call.isHeld = true;
    session.handlers++;
    session.incomingBytes += inputBytes;
    session.running.set(call.number, call);
  }

  #release(call: ServerCall): void {
    const { session, inputBytes } = call;
    call.isHeld = false;
    session.handlers--;
    session.incomingBytes -= inputBytes;
    session.finished(call);
  }

  /** The handler has ended. */
  #end(call: ServerCall): void {
    if (call.isHeld) this.#release(call);
    this.#admission?.leave(call);
  }
}

/** The verb, with a handler that ends when all of its items were taken. */
function givingItems(served: ServedVerb): ServedVerb {
  const { handler, verb } = served;
  if (verb.kind === 'unary') return served;
  return {
    ...served,
    handler: (input, call) => (call as StreamCall).serve(() => handler(input, call)),
  };
}

/** The verb, with a handler whose calls know for whose sake they are made. */
function withinItsCall(served: ServedVerb): ServedVerb {
  const { handler } = served;
  return {
    ...served,
    handler: (input, call) => runWithin(call as ServerCall, () => handler(input, call)),
  };
}

/** Runs the handler; who subscribes is told. */
function handled(served: ServedVerb, call: ServerCall, input: unknown): unknown {
  if (!areServerCallsHeard()) return served.handler(input, call);
  return call.watch.run(call, () => served.handler(input, call));
}

const drainedAway = busy(
  'ERR_HOLDFAST_DRAINING',
  'the server drained before the call had its turn',
);

async function checkedOutput(
  schema: StandardSchema | undefined,
  output: unknown,
): Promise<unknown> {
  if (schema === undefined) return output;
  const result = await schema['~standard'].validate(output);
  if (result.issues === undefined) return output;
  const message = `The reply does not satisfy the output schema: ${describeIssues(result.issues)}`;
  // As the client would take it, had the reply reached it.
  throw transient(new HoldfastError('ERR_HOLDFAST_OUTPUT', message, { outcome: 'executed' }));
}

function duplicate(number: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_PROTOCOL',
    `Call number ${number} was used before on this link`,
  );
}
