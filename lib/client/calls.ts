import {
  type ErrorCode,
  type Evidence,
  errorCodes,
  HoldfastError,
  type Outcome,
  type RemoteFailure,
} from '../errors.ts';
import type { CallWriter, Protocol, Refusal } from '../protocols/protocol.ts';
import { backoffMs } from '../retry/backoff.ts';
import { type RetryBudget, unlimitedBudget } from '../retry/budget.ts';
import { Alarm, type TimerWheel, wheelOf } from '../retry/timer-wheel.ts';
import { suggestion } from '../util/nearest.ts';
import { Call, type Deadlines } from './call.ts';
import { CallQueue } from './call-queue.ts';
import { CallTable } from './call-table.ts';
import type { ClientLink } from './client-link.ts';
import type { ReplayEvent } from './events.ts';
import { atVerb, callError, inWords } from './failures.ts';
import { Judge } from './judge.ts';
import { type CallOptions, type ResolvedClientOptions, reconnectBounds } from './options.ts';
import type { Decision } from './replay.ts';
import type { VerbUse } from './verb-use.ts';

/** Who is told what the calls need. */
export interface CallsOwner {
  /** Calls wait to be sent: see to a link and pump it, soon. */
  schedule(): void;
  /** Why there is no link at the moment, if a try failed. */
  readonly lastFailure: Error | undefined;
  onReplay(event: ReplayEvent): void;
  /** No call is pending any more. */
  onAllSettled(): void;
}

/** The calls of one client, from the application's invocation until each settles, exactly once. */
export class Calls implements Deadlines {
  readonly #owner: CallsOwner;
  readonly #options: ResolvedClientOptions;
  readonly #wheel: TimerWheel;
  readonly #writer: CallWriter;
  readonly #budget: RetryBudget = unlimitedBudget;
  readonly #judge: Judge;
  readonly #table = new CallTable();
  readonly #queue = new CallQueue();
  #pendingBytes = 0;

  constructor(owner: CallsOwner, options: ResolvedClientOptions, protocol: Protocol) {
    this.#owner = owner;
    this.#options = options;
    this.#wheel = wheelOf(options.clock);
    this.#writer = protocol.callWriter();
    this.#judge = new Judge(options, this.#budget);
  }

  /** Calls that have not settled. */
  get pending(): number {
    return this.#table.size;
  }

  /** Calls that wait to be sent. */
  get waiting(): number {
    return this.#queue.waiting;
  }

  hasUnsafeWaiting(): boolean {
    return this.#queue.some(({ verb }) => verb.row.safety === 'mutate');
  }

  /** Makes a call. It settles exactly once, by `resolve` or `reject`. */
  start(
    verb: VerbUse,
    input: unknown,
    options: CallOptions | undefined,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ): void {
    const defaults = this.#options;
    const writer = this.#writer;
    const table = this.#table;
    if (table.size >= defaults.maxCalls) {
      reject(limitError(verb, 'ERR_HOLDFAST_TOO_MANY_CALLS', 'maxCalls', defaults.maxCalls));
      return;
    }
    if (options?.signal?.aborted) {
      reject(
        new HoldfastError(
          'ERR_HOLDFAST_ABORTED',
          `Call "${verb.name}" was cancelled before it began`,
          { verb: verb.name, cause: options.signal.reason },
        ),
      );
      return;
    }
    const number = table.nextNumber();
    try {
      writer.write(number, options?.key, input, defaults.maxFrameBytes);
    } catch (error) {
      reject(atVerb(error as HoldfastError, verb.name));
      return;
    }
    const now = defaults.clock.now();
    const { settings } = verb.row;
    const timeoutMs = options?.timeoutMs ?? settings.timeoutMs ?? defaults.timeoutMs;
    const setting = options?.replay ?? defaults.replay;
    const call = new Call(
      this,
      number,
      verb,
      setting,
      writer,
      now,
      now + timeoutMs,
      resolve,
      reject,
    );
    const byteLength = call.byteLength;
    if (this.#pendingBytes + byteLength > defaults.maxOutgoingBytes) {
      reject(
        limitError(
          verb,
          'ERR_HOLDFAST_OUTGOING_FULL',
          'maxOutgoingBytes',
          defaults.maxOutgoingBytes,
        ),
      );
      return;
    }
    this.#pendingBytes += byteLength;
    if (table.size === 0) this.#wheel.hold();
    table.add(call);
    this.#wheel.add(call, call.deadlineAt);
    const attemptTimeoutMs =
      options?.attemptTimeoutMs ?? settings.attemptTimeoutMs ?? defaults.attemptTimeoutMs;
    if (attemptTimeoutMs > 0 || options?.signal !== undefined) {
      this.#addExtras(call, options?.signal, attemptTimeoutMs);
    }
    this.#budget.deposit();
    this.#queue.push(call);
    this.#owner.schedule();
  }

  /** The next call that `link` can carry, stamped and counted as an attempt on it. */
  nextCall(link: ClientLink): Call | undefined {
    for (;;) {
      const call = this.#queue.shift();
      if (call === undefined) return undefined;
      const { verb } = call;
      verb.follow(link.table);
      const now = this.#options.clock.now();
      if (verb.index < 0) {
        const names = suggestion(verb.name, link.table.names());
        this.#fail(
          call,
          'ERR_HOLDFAST_UNKNOWN_VERB',
          `the server has no such verb${names}`,
          this.#outcomeOf(call),
          { final: true },
        );
      } else if (call.byteLength > link.maxFrameBytes) {
        const why = `its message of ${call.byteLength} bytes is larger than the server's maxFrameBytes (${link.maxFrameBytes})`;
        this.#fail(call, 'ERR_HOLDFAST_FRAME_TOO_LARGE', why, this.#outcomeOf(call), {
          final: true,
        });
      } else if (this.#judge.isTooOld(call)) {
        this.#fail(
          call,
          'ERR_HOLDFAST_LOST',
          'it may have run, and a repeat this late could undo a newer write',
          'unknown',
        );
      } else {
        if (call.attempts > 0) call.renewHeader();
        call.attempts++;
        call.link = link;
        this.#writer.stamp(call, verb.index, call.attempts, call.deadlineAt - now);
        call.extras?.attemptAlarm?.set(now + call.extras.attemptTimeoutMs);
        return call;
      }
    }
  }

  onReply(number: number, value: unknown): void {
    const call = this.#answered(number);
    if (call === undefined) return;
    this.#settle(call);
    call.resolve(value);
  }

  onUndecodable(number: number, error: HoldfastError): void {
    const call = this.#answered(number);
    if (call === undefined) return;
    this.#fail(
      call,
      'ERR_HOLDFAST_DECODE',
      `its reply cannot be read: ${error.message}`,
      'executed',
      { cause: error },
    );
  }

  onRemoteError(number: number, failure: RemoteFailure): void {
    const call = this.#answered(number);
    if (call === undefined) return;
    this.#settle(call);
    const message = `Call "${call.verb.name}" failed at the server: ${failure.message}`;
    call.reject(
      new HoldfastError('ERR_HOLDFAST_REMOTE', message, {
        verb: call.verb.name,
        outcome: 'executed',
        attempts: call.history ?? [],
        remote: failure,
      }),
    );
  }

  onRefused(number: number, refusal: Refusal): void {
    const call = this.#answered(number);
    if (call === undefined) return;
    const link = call.link;
    call.refusals++;
    const code = Object.hasOwn(errorCodes, refusal.code)
      ? (refusal.code as ErrorCode)
      : 'ERR_HOLDFAST_REFUSED';
    const decision = this.#judged(call, link, 'refused', refusal.final, refusal.message);
    if (decision.action !== 'send-again') {
      this.#fail(call, code, refusal.message, decision.outcome, {
        retryAfterMs: refusal.retryAfterMs,
        final: refusal.final,
      });
      return;
    }
    // A draining server is left at once; a server that is busy is given time.
    const { clock, random } = this.#options;
    const jitterMs = link?.isDraining
      ? 0
      : backoffMs(call.refusals, reconnectBounds(this.#options), random);
    const delayMs = Math.max(refusal.retryAfterMs ?? 0, jitterMs);
    const now = clock.now();
    if (now + delayMs >= call.deadlineAt) {
      const why = `${refusal.message}, and asks to wait ${Math.ceil(delayMs)} ms, which is longer than the deadline`;
      this.#fail(call, code, why, this.#outcomeOf(call), { retryAfterMs: refusal.retryAfterMs });
    } else if (delayMs === 0) {
      this.#sendAgain([call]);
    } else {
      const alarm = new Alarm(this.#wheel, () => {
        if (!call.isSettled) this.#sendAgain([call]);
      });
      alarm.set(now + delayMs);
    }
  }

  /** A link is gone: decides for every call that was on it. */
  onLost(link: ClientLink, cause: Error | undefined): void {
    const again: Call[] = [];
    for (const call of this.#table.filter((candidate) => candidate.link === link)) {
      call.extras?.attemptAlarm?.clear();
      const evidence = link.outbox.judge(call.sentFrom, call.sentTo);
      const decision = this.#judged(call, link, evidence, false, inWords(cause));
      if (decision.action === 'send-again') again.push(call);
      else {
        const why = `the connection was lost (${inWords(cause)}), ${decision.why}`;
        this.#fail(call, 'ERR_HOLDFAST_LOST', why, decision.outcome, { cause });
      }
    }
    this.#sendAgain(again);
  }

  onDeadline(call: Call): void {
    const limitMs = Math.round(call.deadlineAt - call.madeAt);
    const cause = this.#owner.lastFailure;
    const isUnsent = call.link === undefined;
    const reason =
      isUnsent && cause !== undefined
        ? `; the server could not be reached (${inWords(cause)})`
        : '';
    this.#giveUp(
      call,
      'ERR_HOLDFAST_DEADLINE',
      `its deadline of ${limitMs} ms passed${reason}`,
      isUnsent ? cause : undefined,
    );
  }

  /** Fails every pending call, because nothing more will be done. */
  failAll(
    code: ErrorCode,
    why: string,
    cause: Error | undefined,
    test: (call: Call) => boolean = () => true,
  ): void {
    for (const call of this.#table.filter(test)) this.#giveUp(call, code, why, cause);
  }

  /** True when a server may answer to this number: it was given to a call that was sent. */
  mayBeAnswered(number: number): boolean {
    const call = this.#table.get(number);
    return call === undefined ? this.#table.wasGiven(number) : call.attempts > 0;
  }

  #addExtras(call: Call, signal: AbortSignal | undefined, attemptTimeoutMs: number): void {
    const onAbort = (): void => {
      this.#giveUp(call, 'ERR_HOLDFAST_ABORTED', 'it was cancelled', signal?.reason);
    };
    const attemptAlarm =
      attemptTimeoutMs > 0
        ? new Alarm(this.#wheel, () => this.#onAttemptTimeout(call, attemptTimeoutMs))
        : undefined;
    signal?.addEventListener('abort', onAbort);
    call.extras = { signal, onAbort, attemptAlarm, attemptTimeoutMs };
  }

  /** The time of one attempt is over: an ambiguous loss, although the link lives. */
  #onAttemptTimeout(call: Call, attemptTimeoutMs: number): void {
    const { link } = call;
    if (link === undefined) return;
    const why = `no answer within ${attemptTimeoutMs} ms`;
    // On a link that lives even an attempt that has not left yet will leave.
    const decision = this.#judged(call, link, 'handed-over', false, why);
    link.cancel(call.number);
    if (decision.action === 'send-again') this.#sendAgain([call]);
    else
      this.#fail(call, 'ERR_HOLDFAST_ATTEMPT_TIMEOUT', `${why}, ${decision.why}`, decision.outcome);
  }

  /** Ends a call from our side: what the server may still do with it is said in the outcome. */
  #giveUp(call: Call, code: ErrorCode, why: string, cause: unknown): void {
    const { link } = call;
    if (link !== undefined) {
      call.mayRun();
      this.#judge.record(call, link, 'handed-over', 'fail', why);
      call.link = undefined;
      link.cancel(call.number);
    }
    this.#fail(call, code, why, this.#outcomeOf(call), { cause });
  }

  /** Decides about an attempt that ended without an answer, and takes the call off its link. */
  #judged(
    call: Call,
    link: ClientLink | undefined,
    evidence: Evidence,
    isFinalRefusal: boolean,
    event: string,
  ): Decision {
    const decision = this.#judge.decide(call, link, evidence, isFinalRefusal, event);
    call.link = undefined;
    if (decision.action === 'send-again') {
      const attempt = call.attempts + 1;
      this.#owner.onReplay({ verb: call.verb.name, attempt, evidence, why: decision.why });
    }
    return decision;
  }

  #sendAgain(calls: readonly Call[]): void {
    if (calls.length === 0) return;
    this.#queue.pushFront(calls);
    this.#owner.schedule();
  }

  #outcomeOf(call: Call): Outcome {
    return call.mayHaveRun ? 'unknown' : 'not-executed';
  }

  /** The call that an answer is for, if somebody still waits for it. */
  #answered(number: number): Call | undefined {
    const call = this.#table.get(number);
    call?.link?.settled();
    return call;
  }

  #fail(
    call: Call,
    code: ErrorCode,
    why: string,
    outcome: Outcome,
    more: { cause?: unknown; retryAfterMs?: number | undefined; final?: boolean } = {},
  ): void {
    this.#settle(call);
    call.reject(callError(call, code, why, outcome, more));
  }

  /** Removes every trace of a call; the caller resolves or rejects it next. */
  #settle(call: Call): void {
    call.isSettled = true;
    call.link = undefined;
    this.#wheel.remove(call);
    this.#table.delete(call);
    this.#pendingBytes -= call.byteLength;
    if (call.isQueued) this.#queue.drop(call);
    const { extras } = call;
    if (extras !== undefined) {
      extras.attemptAlarm?.clear();
      if (extras.onAbort !== undefined) extras.signal?.removeEventListener('abort', extras.onAbort);
    }
    if (this.#table.size > 0) return;
    this.#wheel.release();
    this.#owner.onAllSettled();
  }
}

function limitError(verb: VerbUse, code: ErrorCode, option: string, limit: number): HoldfastError {
  return new HoldfastError(
    code,
    `Call "${verb.name}" was not made: the limit ${option} (${limit}) is reached; wait for earlier calls to settle or raise it`,
    { verb: verb.name },
  );
}
