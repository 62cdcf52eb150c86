import type { Evidence, HoldfastError, RemoteFailure } from '../errors.ts';
import { maxResumed } from '../protocols/holdfast/verdicts.ts';
import type { Refusal, UnknownFate, Verdict } from '../protocols/protocol.ts';
import { backoffMs, hintedMs } from '../retry/backoff.ts';
import { Alarm, wheelOf } from '../retry/timer-wheel.ts';
import type { AttemptsOwner } from './attempts-owner.ts';
import type { Call } from './call.ts';
import type { CallStream } from './call-stream.ts';
import { type AttemptFailure, failed } from './classify.ts';
import type { ClientLink } from './client-link.ts';
import { examine } from './content.ts';
import { answerError, type CallFailure, inWords, knownCode } from './failures.ts';
import type { Judge } from './judge.ts';
import { countReply } from './observing.ts';
import { type ResolvedClientOptions, reconnectBounds } from './options.ts';
import type { Pacing } from './pacing.ts';
import type { Decision } from './replay.ts';
import { judgeSent } from './sent-calls.ts';

/** How attempts end: by an answer, a refusal, the loss of their link, or the end of their time. */
export class Attempts {
  readonly #calls: AttemptsOwner;
  readonly #judge: Judge;
  readonly #pacing: Pacing;
  readonly #options: ResolvedClientOptions;

  constructor(calls: AttemptsOwner, judge: Judge, pacing: Pacing, options: ResolvedClientOptions) {
    this.#calls = calls;
    this.#judge = judge;
    this.#pacing = pacing;
    this.#options = options;
  }

  onReply(link: ClientLink, call: Call, value: unknown): void {
    // A link that is left ends with its last call: what has come is acknowledged before that.
    if (call.stream !== undefined && call.link === link) this.#complete(call, call.stream);
    const isLate = !this.#leave(link, call);
    const check = call.extras?.check;
    if (check === undefined) {
      this.#deliver(call, link, value);
      return;
    }
    const isElsewhere = isLate && !this.#endDoubt(call);
    examine(call, check, value, (content) => {
      if (content.isGood) {
        this.#deliver(call, link, content.output);
      } else {
        const { why, cause } = content;
        const failure = failed('output', 'ERR_HOLDFAST_OUTPUT', why, { cause });
        this.#onExecuted(call, link, failure, isElsewhere);
      }
    });
  }

  /**
   * An answer has come for a call in doubt: its fate is known now. It is not sent again yet, and nobody
   * is to be asked, least of all under a number that no server has seen. False when it was in none.
   */
  #endDoubt(call: Call): boolean {
    if (call.lostLink === undefined) return false;
    this.#calls.doubts.resolve(call);
    return true;
  }

  #complete(call: Call, stream: CallStream): void {
    const flaw = stream.complete();
    if (flaw === undefined) return;
    this.#calls.fail(call, flaw.code, flaw.message, 'executed', { cause: flaw });
    throw flaw;
  }

  #deliver(call: Call, link: ClientLink, output: unknown): void {
    countReply(call, link);
    this.#calls.settle(call);
    this.#pacing.onExecuted();
    call.resolve(output);
  }

  onUndecodable(link: ClientLink, call: Call, cause: HoldfastError): void {
    const isLate = !this.#leave(link, call);
    const failure = failed('decode', 'ERR_HOLDFAST_DECODE', cause.message, { cause });
    this.#onExecuted(call, link, failure, isLate);
  }

  onRemoteError(link: ClientLink, call: Call, failure: RemoteFailure): void {
    const isLate = !this.#leave(link, call);
    const { message, transient = false, retried = false } = failure;
    if (retried) call.past.retried = true;
    const details = { remote: failure, told: transient && !retried };
    const what = retried ? retriedBelow(message) : message;
    const error = failed('remote', 'ERR_HOLDFAST_REMOTE', what, details);
    this.#onExecuted(call, link, error, isLate);
  }

  /**
   * The call was executed, and its answer is no good.
   *
   * @param isLate the attempt was given up before its answer came, and the call goes on
   */
  #onExecuted(call: Call, link: ClientLink, failure: AttemptFailure, isLate: boolean): void {
    const { past } = call;
    past.executions++;
    this.#pacing.onExecuted();
    if (isLate && !this.#endDoubt(call)) {
      const error = answerError(call, failure, 'it was executed');
      if (call.isAsked) {
        // The application need not find out any more.
        this.#calls.reject(call, error);
        return;
      }
      // Of a "once" call there is no other answer, and under another number it would be another call.
      const isLasting = call.row.safety === 'once';
      if (!isLasting && (failure.transient || call.extras?.retryIf !== undefined)) {
        // It is sent again already: it must not be a second time.
        past.answer = error;
        if (call.link === undefined) this.#calls.renumber(call);
        return;
      }
    }
    call.past.lostAt = this.#options.clock.now();
    const decision = this.#judge.decideExecuted(call, link, failure);
    const error = answerError(call, failure, decision.why);
    if (decision.action !== 'send-again') {
      this.#calls.reject(call, error);
      return;
    }
    past.answer = error;
    this.#calls.renumber(call);
    this.#tellReplay(call, 'done', decision);
    if (decision.waitMs === 0) this.#calls.sendAgain([call]);
    else this.sendAgainIn(call, decision.waitMs);
  }

  onRefused(link: ClientLink, call: Call, refusal: Refusal): void {
    // A refusal of an earlier attempt says nothing about the one that is under way.
    if (!this.#leave(link, call)) return;
    call.past.refusals++;
    const { retryAfterMs, final, retried = false } = refusal;
    if (retried) call.past.retried = true;
    const code = knownCode(refusal.code, 'ERR_HOLDFAST_REFUSED');
    const isDraining = !final && (link.isDraining || code === 'ERR_HOLDFAST_DRAINING');
    if (!isDraining) this.#pacing.onRefused(code, call.sentAt);
    const leftMs = call.deadlineAt - this.#options.clock.now();
    const delayMs = this.#pauseMs(call, isDraining, retryAfterMs, leftMs);
    const isLate = !final && delayMs >= leftMs;
    let why = retried ? retriedBelow(refusal.message) : refusal.message;
    if (isLate) why += `, and to wait ${Math.ceil(delayMs)} ms is longer than its deadline`;
    const told = { told: !final && !retried, retryAfterMs };
    const refused = failed(isDraining ? 'draining' : 'refused', code, why, told);
    const decision = this.#judged(call, link, 'refused', refused, isLate);
    if (decision.action !== 'send-again') {
      if (decision.lacksBudget) why += `, and ${decision.why}`;
      const isLast = final || isLate;
      this.#calls.end(call, decision, { code, why, details: { retryAfterMs, final }, isLast });
      return;
    }
    const waitMs = Math.max(delayMs, decision.waitMs);
    if (waitMs === 0) this.#calls.sendAgain([call]);
    else this.sendAgainIn(call, waitMs);
  }

  /** The server began the call, or another of its key, and will never know how it ended. */
  onUnknown(link: ClientLink, call: Call, fate: UnknownFate): void {
    if (!this.#leave(link, call)) return;
    call.past.lostAt = this.#options.clock.now();
    const code = knownCode(fate.code, 'ERR_HOLDFAST_UNFINISHED');
    const unfinished = failed('unfinished', code, fate.message);
    const decision = this.#judged(call, link, 'forgotten', unfinished);
    const why = `${fate.message}, ${decision.why}`;
    // Whatever else is found out: the server will not run it.
    const failure = { code, why, details: { final: true }, isLast: true };
    if (this.#isNext(call, decision, failure)) this.#calls.sendAgain([call]);
  }

  /** The server has drawn its last accepted line: what was sent behind it is never executed. */
  onLine(link: ClientLink, accepted: number): void {
    const again: Call[] = [];
    for (const call of this.#calls.on(link)) {
      if (call.link !== link || call.place <= accepted) continue;
      call.extras?.attemptAlarm?.clear();
      const drains = failed('draining', 'ERR_HOLDFAST_DRAINING', 'the server drains');
      const decision = this.#judged(call, link, 'refused', drains);
      link.settled();
      const failure = { code: drains.code, why: decision.why };
      if (this.#isNext(call, decision, failure)) again.push(call);
    }
    this.#calls.sendAgain(again);
  }

  /** Sends a call again, but not before so long. Meanwhile it needs no link. */
  sendAgainIn(call: Call, delayMs: number): void {
    if (call.isSettled) return;
    call.stream?.rewind();
    const { clock } = this.#options;
    const { past } = call;
    past.retryAlarm ??= new Alarm(wheelOf(clock), () => this.#calls.sendAgain([call]));
    past.retryAlarm.set(clock.now() + delayMs);
  }

  /**
   * A link is gone: decides for every call that was on it.
   *
   * @param canAsk a hello that asks for their fate is on its way, or comes next
   */
  onLost(link: ClientLink, cause: Error | undefined, canAsk: boolean): void {
    const again: Call[] = [];
    const now = this.#options.clock.now();
    const calls = this.#calls.on(link);
    if (calls.length > 0) link.isForgiven ||= link.budget.forgive(now, link.isUseful);
    for (const call of calls) {
      // Ended by a listener that was told of another one.
      if (call.link !== link) continue;
      call.extras?.attemptAlarm?.clear();
      const evidence = judgeSent(call, link.outbox);
      if (evidence === 'handed-over') call.past.lostAt = now;
      // Of a link that was left even calls that are not recorded may be running still.
      if (evidence === 'handed-over' && (call.isRecorded || link.stall?.isSuspended) && canAsk) {
        // The server knows: it is asked on the next link.
        call.link = undefined;
        call.stream?.leave();
        call.past.lostCause = cause;
        this.#calls.doubts.add(call, link);
        continue;
      }
      const decision = this.#judged(call, link, evidence, loss(cause));
      if (this.#isNext(call, decision, lost(decision, cause))) again.push(call);
    }
    this.#calls.sendAgain(again);
  }

  /** Does what was decided about an attempt; true when the call must be sent again now. */
  #isNext(call: Call, decision: Decision, failure: CallFailure): boolean {
    if (decision.action !== 'send-again') {
      this.#calls.end(call, decision, failure);
      return false;
    }
    if (decision.waitMs === 0) return true;
    this.sendAgainIn(call, decision.waitMs);
    return false;
  }

  /** A new link is up and the server has said what became of the calls that were asked for. */
  onVerdicts(link: ClientLink, verdicts: readonly Verdict[]): void {
    const again: Call[] = [];
    for (const [index, number] of link.asked.entries()) {
      const call = this.#calls.find(number);
      if (call === undefined) continue;
      if (this.#onVerdict(call, link, verdicts[index] ?? 'forgotten')) again.push(call);
    }
    // Of what was lost since the hello, or was too much for it, a server that can tell is asked now.
    for (const call of this.#calls.doubts.all()) {
      if (call.lostLink === undefined || link.speaksFor(call.lostLink.server)) continue;
      if (this.#onVerdict(call, link, 'forgotten')) again.push(call);
    }
    this.#calls.sendAgain(again);
    this.askOn(link);
  }

  /** Asks for the fate of the calls that wait for it and have not been asked for on this link. */
  askOn(link: ClientLink): void {
    const asked = this.#calls.doubts.all().filter(({ past }) => past.askedOn !== link);
    for (let at = 0; at < asked.length; at += maxResumed) {
      const some = asked.slice(at, at + maxResumed);
      for (const call of some) call.past.askedOn = link;
      link.ask(some.map(({ number }) => number));
    }
  }

  /** The answer to {@link askOn}. */
  onLaterVerdict(link: ClientLink, number: number, verdict: Verdict): void {
    const call = this.#calls.find(number);
    if (call?.lostLink === undefined || call.past.askedOn !== link) return;
    if (this.#onVerdict(call, link, verdict)) this.#calls.sendAgain([call]);
  }

  /** True when the call must be sent again. */
  #onVerdict(call: Call, link: ClientLink, verdict: Verdict): boolean {
    const { lostLink, lostCause: cause } = call.past;
    // Settled meanwhile, or on a link that lives: its answer comes there.
    if (lostLink === undefined) return false;
    this.#calls.doubts.resolve(call);
    const evidence = this.#evidenceOf(call, lostLink, link, verdict);
    const decision = this.#judged(call, lostLink, evidence, loss(cause));
    if (decision.action !== 'attach' && decision.action !== 'deliver') {
      return this.#isNext(call, decision, lost(decision, cause));
    }
    this.#attach(call, link);
    return false;
  }

  /**
   * A process that knows the session from earlier speaks only of what came to itself and to those
   * whose heir it is: its `never` proves nothing of an attempt that went to another. Records of
   * `once` calls outlive the session, wherever they are kept.
   */
  #evidenceOf(call: Call, lostLink: ClientLink, link: ClientLink, verdict: Verdict): Evidence {
    // What was not recorded may have run all the same.
    if (!call.isRecorded && verdict === 'never') return 'handed-over';
    const isBlind = verdict === 'never' && !link.speaksFor(lostLink.server);
    if (!isBlind && verdict !== 'forgotten') return verdict;
    const { completions } = call.mayHaveRun ? call.past : lostLink;
    const isKept = call.row.safety === 'once' && completions === link.completions;
    return isKept ? 'handed-over' : 'forgotten';
  }

  /** The answer comes on this link; the time of one attempt begins anew. */
  #attach(call: Call, link: ClientLink): void {
    const { extras } = call;
    call.link = link;
    // From now on it is, whatever its class.
    call.isRecorded = true;
    link.attach(call);
    extras?.attemptAlarm?.set(this.#options.clock.now() + extras.attemptTimeoutMs);
  }

  /** The time of one attempt is over: an ambiguous loss, although the link lives. */
  onTimeout(call: Call, attemptTimeoutMs: number): void {
    const { link } = call;
    if (link === undefined) return;
    const why = `no answer within ${attemptTimeoutMs} ms`;
    // On a link that lives even an attempt that has not left yet will leave.
    call.past.lostAt = this.#options.clock.now();
    const code = 'ERR_HOLDFAST_ATTEMPT_TIMEOUT';
    const decision = this.#judged(call, link, 'handed-over', failed('timeout', code, why));
    link.cancel(call.number);
    const failure = { code, why: `${why}, ${decision.why}` } as const;
    const { random } = this.#options;
    // The first goes at once: it has waited for long enough.
    const pauseMs = backoffMs(call.past.timeouts++, reconnectBounds(this.#options), random);
    const paced = { ...decision, waitMs: Math.max(decision.waitMs, pauseMs) };
    if (this.#isNext(call, paced, failure)) this.#calls.sendAgain([call]);
  }

  /**
   * As long as the server asks for, and longer by chance. One that drains is left at once; but the
   * next may drain too, or there may be none.
   */
  #pauseMs(
    { past }: Call,
    isDraining: boolean,
    hintMs: number | undefined,
    leftMs: number,
  ): number {
    const { maxRetryAfterMs, random } = this.#options;
    if (isDraining) return backoffMs(past.refusals - 1, reconnectBounds(this.#options), random);
    const leastMs = Math.min(hintMs ?? 0, maxRetryAfterMs);
    return hintedMs(past.refusals, reconnectBounds(this.#options), leastMs, leftMs, random);
  }

  /** Decides about an attempt that ended without an answer, and takes the call off its link. */
  #judged(
    call: Call,
    link: ClientLink,
    evidence: Evidence,
    failure: AttemptFailure,
    isLate = false,
  ): Decision {
    const decision = this.#judge.decide(call, link, evidence, failure, isLate);
    call.link = undefined;
    call.stream?.leave();
    if (decision.action !== 'send-again') return decision;
    this.#tellReplay(call, evidence, decision);
    // A server that has it still, and is come back to, must not mix its items with those of another.
    if (call.stream !== undefined && decision.outcome === 'unknown') this.#calls.renumber(call);
    return decision;
  }

  #tellReplay(call: Call, evidence: Evidence, { why }: Decision): void {
    this.#calls.onReplay({ verb: call.verb.name, attempt: call.attempts + 1, evidence, why });
  }

  /**
   * The call was answered on a link: it is on none any more. False when the answer is one of an
   * attempt that was given up, and the call is elsewhere by now.
   */
  #leave(link: ClientLink, call: Call): boolean {
    if (call.link !== link) return false;
    call.stream?.acknowledge();
    call.link = undefined;
    link.settled();
    return true;
  }
}

function loss(cause: Error | undefined): AttemptFailure {
  return failed('lost', 'ERR_HOLDFAST_LOST', inWords(cause), { cause });
}

/** What a server says whose own call was tried again in vain. */
function retriedBelow(message: string): string {
  return `${message} (it was tried again there already)`;
}

function lost({ why }: Decision, cause: Error | undefined): CallFailure {
  const whole = `the connection was lost (${inWords(cause)}), ${why}`;
  return { code: 'ERR_HOLDFAST_LOST', why: whole, details: { cause } };
}
