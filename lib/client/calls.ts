import { type ErrorCode, HoldfastError, isHoldfastError, type Outcome } from '../errors.ts';
import type { CallWatch } from '../observe/call-watch.ts';
import { Routes } from '../observe/routes.ts';
import type { CallWriter, Protocol } from '../protocols/protocol.ts';
import { type Alarm, type TimerWheel, wheelOf } from '../retry/timer-wheel.ts';
import { Abandoned } from './abandoned.ts';
import { Attempts } from './attempts.ts';
import type { AttemptsOwner } from './attempts-owner.ts';
import { Bounds } from './bounds.ts';
import { Call } from './call.ts';
import { CallExtras } from './call-extras.ts';
import { CallQueue } from './call-queue.ts';
import type { CallStream } from './call-stream.ts';
import { CallTable } from './call-table.ts';
import type { CallsOwner } from './calls-owner.ts';
import { obstacleTo, takeInputOf } from './carriage.ts';
import type { ClientLink } from './client-link.ts';
import { Doubts } from './doubts.ts';
import type { ReplayEvent } from './events.ts';
import {
  atVerb,
  type CallErrorDetails,
  type CallFailure,
  callError,
  cancelledError,
  isFinal,
  lateness,
  limitError,
} from './failures.ts';
import { giveExtras, givesExtras } from './give-extras.ts';
import { Inquiry } from './inquiry.ts';
import { Judge } from './judge.ts';
import { countSettled, notMade } from './observing.ts';
import type { GivenOptions, ResolvedClientOptions } from './options.ts';
import { Overtakers } from './overtakers.ts';
import { Pacing } from './pacing.ts';
import type { Decision } from './replay.ts';
import { stampAttempt } from './stamping.ts';
import type { VerbUse } from './verb-use.ts';

/** The calls of one client, from the application's invocation until each settles, exactly once. */
export class Calls implements AttemptsOwner {
  readonly attempts: Attempts;
  readonly routes: Routes;
  readonly doubts: Doubts;
  readonly #owner: CallsOwner;
  readonly #options: ResolvedClientOptions;
  readonly #wheel: TimerWheel;
  readonly #writer: CallWriter;
  readonly #judge: Judge;
  readonly #table = new CallTable();
  readonly #queue = new CallQueue(this.#table);
  readonly #inquiry: Inquiry;
  readonly #bounds: Bounds;
  readonly #pacing: Pacing;
  #pendingBytes = 0;
  #acknowledged = 0;
  /** The time of all calls below this number has begun. */
  #begunBefore = 1;
  /** Calls that have settled since, and whose answers the server keeps. */
  unacknowledged = 0;
  /** Calls that were given up while in doubt: their handlers may run on. */
  readonly abandoned: Abandoned = new Abandoned();
  readonly overtakers: Overtakers = new Overtakers();

  constructor(owner: CallsOwner, options: ResolvedClientOptions, protocol: Protocol) {
    this.#owner = owner;
    this.#options = options;
    this.routes = new Routes(options.clock);
    this.doubts = new Doubts(this.#table, () => owner.schedule());
    this.#wheel = wheelOf(options.clock);
    this.#writer = protocol.callWriter();
    this.#judge = new Judge(options);
    this.#inquiry = new Inquiry(this, this.#judge);
    this.#bounds = new Bounds(
      options,
      this.#wheel,
      () => this.#onDue(),
      (call, timeoutMs) => this.attempts.onTimeout(call, timeoutMs),
    );
    this.#pacing = new Pacing(options, this.#queue, owner, (...end) => this.#endBefore(...end));
    this.attempts = new Attempts(this, this.#judge, this.#pacing, options);
  }

  /** Calls that have not settled. */
  get pending(): number {
    return this.#table.size;
  }

  /** Calls that wait to be sent. */
  get waiting(): number {
    return this.#queue.waiting;
  }

  /** Calls that need a link: they wait to be sent, or to hear their fate. */
  get needing(): number {
    return this.#queue.waiting + this.doubts.size;
  }

  hasUnsafeNext(most: number): boolean {
    return this.#queue.someOfNext(most, ({ verb }) => verb.row.safety === 'mutate');
  }

  /**
   * Makes a call, or a copy of one that another server has. It settles exactly once, by `resolve` or
   * `reject`; undefined when it has settled already.
   */
  start(
    verb: VerbUse,
    input: unknown,
    options: GivenOptions | undefined,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
    watch?: CallWatch,
    original?: Call,
    stream?: CallStream,
  ): Call | undefined {
    verb.figures ??= this.routes.of(verb.name);
    const defaults = this.#options;
    const { maxCalls, maxOutgoingBytes, clock } = defaults;
    const table = this.#table;
    // What is asked about must not stand in the way of the calls by which it is found out.
    if (table.size >= maxCalls && table.size >= maxCalls + Math.min(maxCalls, this.#inquiry.size)) {
      const error = limitError(verb, 'ERR_HOLDFAST_TOO_MANY_CALLS', 'maxCalls', maxCalls);
      return notMade(verb, clock, reject, error);
    }
    if (options?.signal?.aborted) {
      return notMade(verb, clock, reject, cancelledError(verb, options.signal));
    }
    const number = table.nextNumber();
    const writer = this.#writer;
    try {
      if (!original) writer.write(number, verb.name, options?.key, input, defaults.maxFrameBytes);
    } catch (error) {
      return notMade(verb, clock, reject, atVerb(error, verb.name));
    }
    const call = new Call(number, verb, original ?? writer, resolve, reject);
    call.given = options;
    if (stream || watch) call.extras = new CallExtras(stream, watch);
    if (original) {
      call.becomeCopyOf(original, clock.now());
      writer.renumber(call, number);
    }
    if (options || original || stream || this.#pacing.isOn) {
      this.#bounds.begin(call, original?.madeAt ?? clock.now());
    }
    let objection = this.#pacing.isOn ? this.#pacing.objectionTo(call) : undefined;
    if (this.#pendingBytes + call.byteLength > maxOutgoingBytes) {
      const code = 'ERR_HOLDFAST_OUTGOING_FULL';
      objection ??= limitError(verb, code, 'maxOutgoingBytes', maxOutgoingBytes);
    }
    if (objection !== undefined) {
      this.#bounds.end(call);
      return notMade(verb, clock, reject, objection);
    }
    this.#pendingBytes += call.byteLength;
    if (table.size === 0) this.#wheel.hold();
    table.add(call);
    this.#queue.push(call);
    this.overtakers.begin(call);
    if (options !== undefined || givesExtras(verb, defaults)) {
      giveExtras(call, input, defaults, this.#bounds, this);
    }
    this.#owner.schedule();
    stream?.start(call, (...end) => this.giveUp(call, ...end));
    return call;
  }

  /** The next call that `link` can carry, stamped and counted as an attempt on it. */
  nextCall(link: ClientLink, now: number): Call | undefined {
    for (;;) {
      const call = this.#pacing.mayGo() ? this.#queue.shift() : undefined;
      if (call === undefined) return undefined;
      call.verb.follow(link.table);
      if (call.term === undefined) this.#bounds.begin(call, now);
      if (call.row !== call.verb.row) this.#bounds.follow(call);
      if (call.stream !== undefined && !this.#goesOn(call, call.stream)) continue;
      if (!this.#canCarry(link, call, now)) continue;
      this.#pacing.onSent(now);
      stampAttempt(call, link, now, this.#writer);
      return call;
    }
  }

  /**
   * The turn is over: the time of calls that could not be sent in it begins.
   *
   * @param pause set while there is one before the next dial
   */
  beginWaiting(pause: Alarm): void {
    const next = this.#table.nextNumber();
    if (this.#queue.waiting > 0) {
      const now = this.#options.clock.now();
      for (let number = this.#begunBefore; number < next; number++) {
        const call = this.#table.get(number);
        if (call !== undefined && call.term === undefined) this.#bounds.begin(call, now);
      }
    }
    this.#begunBefore = next;
    if (pause.isSet) this.#pacing.endBefore(pause.dueAt, this.#owner.lastFailure);
  }

  find(number: number): Call | undefined {
    return this.#table.get(number);
  }

  on(link: ClientLink): Call[] {
    return this.#table.filter((call) => call.link === link);
  }

  /** The number below which the server need keep nothing; it moves when there is something to drop. */
  acknowledged(): number {
    if (this.unacknowledged > 0) {
      this.#acknowledged = this.#table.lowestPending();
      this.unacknowledged = 0;
    }
    return this.#acknowledged;
  }

  /**
   * The call that an answer on `link` is for, if somebody waits for it; streams stay with their call.
   * @throws HoldfastError `ERR_HOLDFAST_PROTOCOL` when the number was given to no call that was sent:
   *   the stream is out of step, and the link must go
   */
  answered(number: number, link: ClientLink): Call | undefined {
    const call = this.#table.get(number);
    if (call === undefined ? this.#table.wasGiven(number) : call.attempts > 0)
      return call?.stream && call.link !== link ? undefined : call;
    const why = `Server answers call ${number}, which was never sent`;
    throw new HoldfastError('ERR_HOLDFAST_PROTOCOL', why);
  }

  sendAgain(calls: readonly Call[]): void {
    // A listener that was told of it may have ended it.
    const pending = calls.filter(({ isSettled }) => !isSettled);
    if (pending.length === 0) return;
    for (const { stream } of pending) stream?.rewind();
    this.#queue.pushFront(pending);
    this.#owner.schedule();
  }

  renumber(call: Call): void {
    // The server keeps the answer that it gave under the old number.
    if (call.isRecorded) this.unacknowledged++;
    this.#table.delete(call);
    call.number = this.#table.nextNumber();
    this.#table.add(call);
    call.renewHeader();
    this.#writer.renumber(call, call.number);
    call.stream?.leave();
  }

  onReplay(event: ReplayEvent): void {
    this.#owner.onReplay(event);
  }

  onAbort(call: Call, reason: unknown): void {
    this.giveUp(call, 'ERR_HOLDFAST_ABORTED', 'it was cancelled', reason);
  }

  #onDue(): void {
    const now = this.#options.clock.now();
    for (const call of this.#table.filter(({ deadlineAt }) => deadlineAt <= now)) {
      this.onDeadline(call);
    }
  }

  onDeadline(call: Call): void {
    const cause = call.needsLink ? this.#owner.lastFailure : undefined;
    this.giveUp(call, 'ERR_HOLDFAST_DEADLINE', lateness(call, cause), cause);
  }

  /** Fails every pending call, because nothing more will be done. */
  failAll(code: ErrorCode, why: string, cause: Error | undefined): void {
    for (const call of this.#table.filter(() => true)) this.giveUp(call, code, why, cause);
  }

  /** No server can be reached, and trying again cannot help: fails every call that needs one. */
  failUnreachable(cause: HoldfastError): void {
    const { code, message: why } = cause;
    for (const call of this.#table.filter(({ needsLink }) => needsLink)) {
      if (call.isSettled) continue;
      const decision = this.#judge.giveUp(call, why);
      if (decision.action !== 'ask') {
        this.giveUp(call, code, why, cause);
        continue;
      }
      if (call.lostLink !== undefined) call.mayRun(call.lostLink);
      this.doubts.resolve(call);
      this.#queue.drop(call);
      call.clearRetry();
      this.end(call, decision, { code, why, details: { cause, final: true } });
    }
  }

  fail(
    call: Call,
    code: ErrorCode,
    why: string,
    outcome: Outcome,
    details?: CallErrorDetails,
  ): void {
    this.reject(call, callError(call, code, why, outcome, details));
  }

  resolve(call: Call, value: unknown): void {
    countSettled(call, this.#options.clock.now(), undefined);
    this.settle(call);
    call.resolve(value);
  }

  reject(call: Call, error: HoldfastError): void {
    countSettled(call, this.#options.clock.now(), error.outcome);
    this.settle(call);
    call.reject(error);
  }

  end(call: Call, { action, outcome, lacksBudget }: Decision, given: CallFailure): void {
    const question = call.extras?.question;
    const failure = lacksBudget ? { ...given, code: 'ERR_HOLDFAST_BUDGET' as const } : given;
    if (action === 'ask' && question !== undefined) this.#inquiry.ask(call, question, failure);
    else this.fail(call, failure.code, failure.why, outcome, failure.details);
  }

  /** Removes every trace of a call; the caller resolves or rejects it next. */
  settle(call: Call): void {
    const { extras, link } = call;
    call.isSettled = true;
    call.link = undefined;
    if (call.isRecorded) this.unacknowledged++;
    this.overtakers.settled(call);
    if (link ?? (call.isRecorded && call.lostLink)) this.abandoned.add(call.number);
    this.doubts.resolve(call);
    // An attempt on another link than the one that answered: nobody waits for it any more.
    link?.cancel(call.number);
    this.#bounds.end(call);
    call.clearRetry();
    this.#table.delete(call);
    // Before anything else is told that it ends, which may make another call.
    const isLast = this.#table.size === 0;
    this.#pendingBytes -= call.byteLength;
    if (call.isQueued) this.#queue.drop(call);
    call.stream?.onSettled();
    if (extras !== undefined) {
      extras.attemptAlarm?.clear();
      if (extras.question !== undefined) this.#inquiry.drop(extras.question);
      if (extras.onAbort !== undefined) extras.signal?.removeEventListener('abort', extras.onAbort);
    }
    if (isLast) this.#wheel.release();
    if (this.#table.size > 0) return;
    this.#pacing.rest();
    this.#owner.onAllSettled();
  }

  /** A stream that was cut goes on behind what was delivered; false when it cannot. */
  #goesOn(call: Call, stream: CallStream): boolean {
    this.#pendingBytes -= call.byteLength;
    const why = takeInputOf(call, stream, this.#writer, this.#options.maxFrameBytes);
    this.#pendingBytes += call.byteLength;
    if (why !== undefined) this.fail(call, 'ERR_HOLDFAST_LOST', why, 'unknown');
    return why === undefined;
  }

  /** The last look at a call before it goes out on a link; false when it was failed instead. */
  #canCarry(link: ClientLink, call: Call, now: number): boolean {
    const obstacle = obstacleTo(call, link);
    if (now >= call.deadlineAt) {
      // The loop was blocked and the wheel has not turned yet: what is too late is not sent.
      this.onDeadline(call);
    } else if (obstacle !== undefined) {
      this.#endBefore(call, obstacle.code, obstacle.why);
    } else {
      const objection = this.#judge.objectionTo(call, link);
      if (objection === undefined) return true;
      this.#object(call, objection);
    }
    return false;
  }

  /** This server cannot take the call, or not in time; nor can it be sent again. */
  #endBefore(call: Call, code: ErrorCode, why: string, details: CallErrorDetails = isFinal): void {
    this.#queue.drop(call);
    this.end(call, this.#judge.giveUp(call, why), { code, why, details, isLast: true });
  }

  /** The call must not go out, or not yet. */
  #object(call: Call, decision: Decision): void {
    if (decision.action === 'send-again') {
      this.attempts.sendAgainIn(call, decision.waitMs);
      return;
    }
    if (decision.action === 'ask') this.#judge.note(call, decision);
    const { answer } = call;
    const code = answer?.code ?? 'ERR_HOLDFAST_LOST';
    this.end(call, decision, { code, why: decision.why, details: { remote: answer?.remote } });
  }

  /** Ends a call from our side: what the server may still do with it is said in the outcome. */
  giveUp(call: Call, code: ErrorCode, why: string, cause: unknown): void {
    if (call.isTold) process.nextTick(() => this.giveUp(call, code, why, cause));
    // Or a listener that was told of another one has ended it.
    if (call.isTold || call.isSettled) return;
    const link = call.link ?? call.lostLink;
    if (call.link !== undefined) call.mayRun(call.link);
    if (link !== undefined) this.#judge.record(call, link, 'handed-over', 'fail', why);
    const outcome = call.mayHaveRun ? 'unknown' : 'not-executed';
    const final = isHoldfastError(cause) && cause.final;
    this.fail(call, code, why, outcome, { cause, final });
  }
}
