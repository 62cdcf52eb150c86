import type { AttemptRecord, Evidence } from '../errors.ts';
import { backoffMs } from '../retry/backoff.ts';
import type { VerbRow } from '../verbs/table.ts';
import type { Call } from './call.ts';
import { type AttemptFailure, inShort } from './classify.ts';
import type { ClientLink } from './client-link.ts';
import { countRecord, writeRecord } from './observing.ts';
import { type ResolvedClientOptions, reconnectBounds } from './options.ts';
import {
  type Circumstances,
  type Decision,
  decide,
  decideExecuted,
  decideNotApplied,
  failExecuted,
  giveUp,
  noBudget,
  override,
  withheld,
} from './replay.ts';
import { type RetryContext, wishOf } from './retry-if.ts';

/**
 * Judges attempts that ended without an answer: gathers the circumstances for {@link decide}, asks
 * the budget, and writes the call's history.
 */
export class Judge {
  readonly #options: ResolvedClientOptions;

  constructor(options: ResolvedClientOptions) {
    this.#options = options;
  }

  /**
   * @param evidence what is known of the attempt
   * @param failure what ended it
   * @param isLate a refusal asks to wait until after the deadline
   */
  decide(
    call: Call,
    link: ClientLink,
    evidence: Evidence,
    failure: AttemptFailure,
    isLate = false,
  ): Decision {
    const mayHaveRun = call.mayHaveRun;
    if (evidence === 'handed-over' || evidence === 'forgotten') call.mayRun(link);
    const isRefused = evidence === 'refused';
    const facts = {
      ...this.#factsOf(call, call.row, evidence, mayHaveRun, false),
      isBusy: isRefused && failure.kind === 'refused',
    };
    let decision = this.#classified(call, facts, failure, (isTransient) =>
      decide({ ...facts, isFinalRefusal: isRefused && (isLate || !isTransient) }),
    );
    if (decision.costs) {
      const objection = this.#objectionToLoad(call, link);
      if (objection !== undefined) decision = withheld(facts, decision, objection);
    }
    const { action, why } = decision;
    this.record(call, link, evidence, action, `${failure.message}: ${why}`);
    return decision;
  }

  /** Decides about an attempt that was executed, and whose answer is no good. */
  decideExecuted(call: Call, link: ClientLink, failure: AttemptFailure): Decision {
    const { executions } = call.past;
    call.mayRun(link);
    const pauseMs = backoffMs(executions, reconnectBounds(this.#options), this.#options.random);
    const facts = this.#factsOf(call, call.row, 'done', true, false, pauseMs);
    let decision = this.#classified(call, facts, failure, (isTransient) =>
      decideExecuted(facts, isTransient),
    );
    if (decision.action === 'send-again') {
      decision = this.#afford(
        call,
        link,
        { ...decision, waitMs: Math.max(decision.waitMs, pauseMs) },
        facts,
      );
    }
    const { action, why } = decision;
    this.record(call, link, 'done', action, `${inShort(failure)}: ${why}`, 'answered');
    return decision;
  }

  #afford(
    call: Call,
    link: ClientLink,
    decision: Decision,
    { timeLeftMs }: Circumstances,
  ): Decision {
    if (decision.waitMs >= timeLeftMs) {
      const wait = `${Math.ceil(decision.waitMs)} ms`;
      return failExecuted(`it was executed, and to wait ${wait} is longer than its deadline`);
    }
    const objection = this.#objectionToLoad(call, link);
    return objection === undefined ? decision : failExecuted(`it was executed, and ${objection}`);
  }

  /**
   * Why a call must not be sent again that could be, if it must not: one layer alone tries again, and
   * the budget bounds that.
   */
  #objectionToLoad(call: Call, link: ClientLink): string | undefined {
    if (call.given?.layer?.isReplay) return 'the call that it is made for is tried again above';
    call.past.retried = true;
    const now = this.#options.clock.now();
    if (link.isForgiven || link.budget.withdraw(now)) return undefined;
    call.verb.figures?.budgetRefused(now);
    return noBudget;
  }

  /** What is decided of a failure as the client, or else the application, classifies it. */
  #classified(
    call: Call,
    facts: Circumstances,
    failure: AttemptFailure,
    choose: (isTransient: boolean) => Decision,
  ): Decision {
    const classified = choose(failure.transient);
    const retryIf = call.extras?.retryIf;
    if (retryIf === undefined) return classified;
    const loosest = choose(true);
    if (loosest.action !== 'send-again') return classified;
    const context: RetryContext = {
      verb: call.verb.name,
      safety: facts.safety,
      attempt: call.attempts,
      outcome: call.wasExecuted ? 'executed' : loosest.outcome,
      remainingMs: facts.timeLeftMs,
    };
    const wish = call.whileTelling(() => wishOf(retryIf, failure, context));
    return override(facts, classified, loosest, wish);
  }

  /**
   * What becomes of a call that must not go out after all, at least not yet; undefined if it may:
   * the server that it goes to may hold its verb for stricter than the one before did, and time has
   * passed. Records of `once` calls are of one set: to another the key would be new.
   */
  objectionTo(call: Call, link: ClientLink): Decision | undefined {
    if (!call.mayHaveRun && !call.isCopy) return undefined;
    const evidence = link.completions === call.past.completions ? 'handed-over' : 'forgotten';
    const facts = this.#factsOf(call, call.verb.row, evidence, true, false);
    const decision = decide(facts);
    return decision.action === 'send-again' && decision.waitMs === 0 ? undefined : decision;
  }

  /** The call goes no further for a reason that is not in its attempts. */
  giveUp(call: Call, why: string): Decision {
    const { mayHaveRun, extras } = call;
    const decision = giveUp({ mayHaveRun, canReconcile: extras?.question !== undefined }, why);
    if (decision.action === 'ask') this.note(call, decision);
    return decision;
  }

  /** The application says that no copy of the call ran, nor will; `isLast`: it goes no further. */
  decideNotApplied(call: Call, isLast: boolean): Decision {
    call.disprove();
    const decision = decideNotApplied(this.#factsOf(call, call.row, 'never', false, isLast));
    this.note(call, decision);
    return decision;
  }

  #factsOf(
    call: Call,
    { settings, safety }: VerbRow,
    evidence: Evidence,
    mayHaveRun: boolean,
    isFinalRefusal: boolean,
    pauseMs = 0,
  ): Circumstances {
    const maxAgeMs = settings.maxReplayAgeMs ?? this.#options.maxReplayAgeMs;
    const maxAttempts = call.isCopy ? 1 : (settings.maxAttempts ?? this.#options.maxAttempts);
    const { ambiguousAttempts, copies } = call.past;
    const attempts = ambiguousAttempts + copies - (call.stream?.fruitfulAttempts ?? 0);
    const isRepeat = call.mayHaveRun || call.isCopy;
    const now = this.#options.clock.now();
    const leaseLeftMs = isRepeat ? call.past.takenAt + (settings.leaseMs ?? 0) - now : 0;
    const sentAgainAt = now + Math.max(pauseMs, leaseLeftMs);
    return {
      evidence,
      safety,
      setting: call.settingWithin(this.#options.replay),
      mayHaveRun,
      isTooOld: isRepeat && sentAgainAt - call.past.firstSentAt > maxAgeMs,
      hasAttemptsLeft: attempts < maxAttempts,
      isFinalRefusal,
      isBusy: false,
      isInputConsumed: call.stream?.isInputConsumed === true,
      isReplySeen: call.stream?.isReplySeen === true,
      canReconcile: call.extras?.question !== undefined,
      leaseLeftMs: Math.max(0, leaseLeftMs),
      timeLeftMs: call.deadlineAt - now,
    };
  }

  /** Writes what is decided about an attempt that has its line in the history already. */
  note(call: Call, { action: decision, why }: Decision): void {
    const last = call.history?.at(-1);
    if (last === undefined) this.record(call, call.lostLink, 'handed-over', decision, why);
    else writeRecord(call, { ...last, decision, why });
  }

  /** Writes one line of the call's history. */
  record(
    call: Call,
    link: ClientLink | undefined,
    evidence: Evidence,
    decision: AttemptRecord['decision'],
    why: string,
    phase: AttemptRecord['phase'] = phases[evidence] ?? 'sent',
  ): void {
    const now = this.#options.clock.now();
    const durationMs = call.attempts === 0 ? 0 : now - call.sentAt;
    const { attempts: number } = call;
    const { label = '' } = link ?? {};
    writeRecord(call, { number, link: label, phase, evidence, decision, why, durationMs });
    countRecord(call, evidence, decision, now);
  }
}

const phases: Readonly<Partial<Record<Evidence, AttemptRecord['phase']>>> = {
  untouched: 'waiting',
  incomplete: 'sending',
  refused: 'answered',
  never: 'sending',
};
