import { HoldfastError } from '../errors.ts';
import { areServerCallsHeard } from '../observe/channels.ts';
import type { ServerWatch, ServerWatches } from '../observe/server-watch.ts';
import type { ArrivedCall } from '../protocols/holdfast/server-wire.ts';
import { unpackValue } from '../protocols/holdfast/values.ts';
import type { Refusal } from '../protocols/protocol.ts';
import { isThenable } from '../util/is-thenable.ts';
import { describeIssues, type StandardSchema } from '../verbs/schema.ts';
import { type Answers, busy, hopeless } from './answers.ts';
import type { ServedVerb } from './handlers.ts';
import { fingerprintOf } from './once-ended.ts';
import type { OnceRunner } from './once-runner.ts';
import type { ResolvedServerOptions } from './options.ts';
import { ServerCall } from './server-call.ts';
import type { ServerLink } from './server-link.ts';
import type { Session } from './session.ts';
import { transient } from './transient.ts';

/** From a call that arrived to its answer: admission, the input, the handler. */
export class Dispatch {
  readonly #served: readonly ServedVerb[];
  readonly #options: ResolvedServerOptions;
  readonly #answers: Answers;
  readonly #once: OnceRunner;
  readonly #watches: ServerWatches;
  /** By the verb's place in the table. */
  readonly #watchOf: readonly ServerWatch[];

  constructor(
    served: readonly ServedVerb[],
    options: ResolvedServerOptions,
    answers: Answers,
    once: OnceRunner,
    watches: ServerWatches,
  ) {
    this.#watches = watches;
    this.#watchOf = served.map(({ name }) => watches.of(name));
    this.#served = served;
    this.#options = options;
    this.#answers = answers;
    this.#once = once;
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
    const refusal = this.#refusalOf(link, session, arrived);
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
    const call = new ServerCall(link, session, served, arrived, this.#options.clock, watch);
    if (served.isPlain) this.#runPlain(served, call, input);
    else this.#runChecked(served, call, input, arrived);
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
  #refusalOf(link: ServerLink, session: Session, arrived: ArrivedCall): Refusal | undefined {
    const { maxCalls, maxIncomingBytes } = this.#options;
    if (link.isLined) return busy('ERR_HOLDFAST_DRAINING', 'the server is draining');
    if (session.handlers >= maxCalls) {
      const message = `the server's limit maxCalls (${maxCalls}) is reached`;
      return busy('ERR_HOLDFAST_TOO_MANY_CALLS', message);
    }
    const inputBytes = arrived.valueEnd - arrived.valueStart;
    if (session.incomingBytes + inputBytes > maxIncomingBytes) {
      const message = `the server's limit maxIncomingBytes (${maxIncomingBytes}) is reached`;
      const isAlone = inputBytes > maxIncomingBytes;
      return (isAlone ? hopeless : busy)('ERR_HOLDFAST_INCOMING_FULL', message);
    }
    if (arrived.remainingMs > 0) return undefined;
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
      return;
    }
    if (promise === undefined) this.#answers.reply(call, output);
    else this.#await(call, promise, (value) => this.#answers.reply(call, value));
  }

  #runChecked(served: ServedVerb, call: ServerCall, given: unknown, arrived: ArrivedCall): void {
    const { name, verb } = served;
    const isOnce = verb.safety === 'once';
    // Now, for the memory of what arrived is reused after this turn.
    const fingerprint = isOnce ? fingerprintOf(name, arrived) : '';
    const keepMs = isOnce ? this.#keepMs(arrived) : 0;
    const run = async (): Promise<void> => {
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
    this.#await(call, run(), () => {});
  }

  /** Longer than any repeat of the call can come, and then lie in a connection that hangs. */
  #keepMs({ remainingMs }: ArrivedCall): number {
    const { keepRecordsMs, idlePingMs, heartbeatTimeoutMs } = this.#options;
    return Math.max(keepRecordsMs, remainingMs + idlePingMs + heartbeatTimeoutMs);
  }

  /** The call is on its session's account until the promise settles. */
  #await(call: ServerCall, promise: Promise<unknown>, done: (value: unknown) => void): void {
    const { session, inputBytes } = call;
    session.handlers++;
    session.incomingBytes += inputBytes;
    session.running.set(call.number, call);
    const end = (): void => {
      session.handlers--;
      session.incomingBytes -= inputBytes;
      session.finished(call);
    };
    // Answered first: at no time is a call neither running nor recorded.
    promise.then(
      (value) => {
        done(value);
        end();
      },
      (error: unknown) => {
        this.#answers.fail(call, error);
        end();
      },
    );
  }
}

/** Runs the handler; who subscribes is told. */
function handled(served: ServedVerb, call: ServerCall, input: unknown): unknown {
  if (!areServerCallsHeard()) return served.handler(input, call);
  return call.watch.run(call, () => served.handler(input, call));
}

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
