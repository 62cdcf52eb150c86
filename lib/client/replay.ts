import type { AttemptRecord, Evidence, Outcome } from '../errors.ts';
import type { ReplaySetting, Safety } from '../verbs/safety.ts';

/** All that the decision about a lost, refused or timed-out attempt depends on. */
export interface Circumstances {
  /** What is known of the attempt that just ended. */
  readonly evidence: Evidence;
  readonly safety: Safety;
  /** The client's or the call's `replay` setting. */
  readonly setting: ReplaySetting;
  /** An *earlier* attempt of the call may have run. */
  readonly mayHaveRun: boolean;
  /**
   * For `idempotent`: `maxReplayAgeMs` will have passed since the first sending that may have run,
   * when the call can be sent again.
   */
  readonly isTooOld: boolean;
  /** Another attempt that may run is allowed by `maxAttempts`. */
  readonly hasAttemptsLeft: boolean;
  /** The server refused and says that sending again cannot help. */
  readonly isFinalRefusal: boolean;
  /** The server refused for now, although it stays: another attempt is another load. */
  readonly isBusy: boolean;
  /** The application's input stream was pulled and cannot be had again. */
  readonly isInputConsumed: boolean;
  /** The application has seen a part of the reply. */
  readonly isReplySeen: boolean;
  /** The application can find out what became of the call. */
  readonly canReconcile: boolean;
  /** What a copy that may have run may have taken is free again after so long; 0: it is. */
  readonly leaseLeftMs: number;
  /** Until the call's deadline. */
  readonly timeLeftMs: number;
}

/** What to do with the call. */
export interface Decision {
  readonly action: Exclude<AttemptRecord['decision'], 'hedge' | 'wait' | 'cancel'>;
  /** With `fail`: what is known of the call, all attempts together. */
  readonly outcome: Outcome;
  /** True when sending again adds load that the budget must bear. */
  readonly costs: boolean;
  /** With `send-again`: not before so long. */
  readonly waitMs: number;
  readonly why: string;
  /** It would be sent again if the budget allowed it. */
  readonly lacksBudget?: boolean;
}

/**
 * Decides what becomes of a call whose attempt has ended without an answer. Pure: no clock, no I/O.
 *
 * Proof that the attempt did not run permits any class. Without proof the class decides, and what
 * the application or the server restricts.
 */
export function decide(facts: Circumstances): Decision {
  switch (facts.evidence) {
    case 'done':
      return {
        action: 'deliver',
        outcome: 'executed',
        costs: false,
        waitMs: 0,
        why: 'the server has its reply',
      };
    case 'running':
      return {
        action: 'attach',
        outcome: 'unknown',
        costs: false,
        waitMs: 0,
        why: 'the server is running it',
      };
    case 'untouched':
    case 'incomplete':
    case 'refused':
    case 'never':
      return facts.isReplySeen
        ? doubt(facts, replySeen)
        : decideProven(facts, proofs[facts.evidence]);
    case 'forgotten':
    case 'handed-over':
      return facts.isReplySeen ? doubt(facts, replySeen) : decideAmbiguous(facts, true);
  }
}

/**
 * Decides what becomes of a call of which the application has found out that no copy of it ran, nor
 * will. That is as good as a proof; but the attempts count, so that asking comes to an end.
 */
export function decideNotApplied(facts: Circumstances): Decision {
  if (facts.isReplySeen) return doubt({ canReconcile: false }, replySeen);
  const disproved = { ...facts, mayHaveRun: false, isBusy: false };
  const proof = 'the application says that it was not applied';
  if (facts.hasAttemptsLeft) return decideProven(disproved, proof);
  return giveUp(disproved, `${proof}, but all attempts are used up`);
}

/**
 * Decides what becomes of a call that was executed and whose answer is no good: the handler failed,
 * or the reply is not what it should be.
 *
 * @param isTransient it is thought to pass by itself
 */
export function decideExecuted(facts: Circumstances, isTransient: boolean): Decision {
  if (facts.isReplySeen) return failExecuted(`it was executed, and ${replySeen}`);
  if (!isTransient) return failExecuted('it was executed, and trying again is not thought to help');
  const objection =
    facts.safety === 'once' ? 'a "once" verb is executed only once' : objectionTo(facts);
  if (objection !== undefined) return failExecuted(`it was executed, and ${objection}`);
  const why = `it was executed, and "${facts.safety}" may be repeated`;
  const { leaseLeftMs: waitMs } = facts;
  return { action: 'send-again', outcome: 'executed', costs: true, waitMs, why };
}

/** The call was executed, and is not sent again. */
export function failExecuted(why: string): Decision {
  return { action: 'fail', outcome: 'executed', costs: false, waitMs: 0, why };
}

/**
 * Lets the application override a classification: towards stricter always, towards looser as far as
 * sending again is permitted.
 *
 * @param classified what is decided without it
 * @param loosest what is decided of a failure that is thought to pass
 * @param again what the application wants
 */
export function override(
  facts: Circumstances,
  classified: Decision,
  loosest: Decision,
  { again, why }: { readonly again: boolean | undefined; readonly why: string },
): Decision {
  if (again === undefined || loosest.action !== 'send-again') return classified;
  if (again) return { ...loosest, why: `${loosest.why}, and ${why}` };
  if (classified.action !== 'send-again') return classified;
  const whole = `${classified.why}, but ${why}`;
  if (classified.outcome === 'unknown') return doubt(facts, whole);
  return { action: 'fail', outcome: classified.outcome, costs: false, waitMs: 0, why: whole };
}

/** It began; whether it ended is not known. */
const replySeen = 'a part of the reply was delivered';

const proofs: Readonly<Record<'untouched' | 'incomplete' | 'refused' | 'never', string>> = {
  untouched: 'no byte of it was given to the operating system',
  incomplete: 'its last byte was certainly never taken',
  refused: 'the server did not execute it',
  never: 'the server has never seen it',
};

function decideProven(facts: Circumstances, proof: string): Decision {
  if (facts.isFinalRefusal) return giveUp(facts, `${proof}, and trying again cannot help`);
  if (facts.setting === 'never') return giveUp(facts, `${proof}, but replay is "never"`);
  if (facts.isInputConsumed) return giveUp(facts, `${proof}, but its input was consumed`);
  const costs = facts.isBusy;
  if (facts.mayHaveRun) return decideAmbiguous(facts, costs);
  return { action: 'send-again', outcome: 'not-executed', costs, waitMs: 0, why: proof };
}

/** The call goes no further; what is known of it depends on the attempts before. */
export function giveUp(
  facts: Pick<Circumstances, 'mayHaveRun' | 'canReconcile'>,
  why: string,
): Decision {
  if (facts.mayHaveRun) return doubt(facts, `${why}; an earlier attempt may have run`);
  return { action: 'fail', outcome: 'not-executed', costs: false, waitMs: 0, why };
}

/** Why a call is not sent again when there is nothing left in the budget. */
export const noBudget = 'the retry budget is empty';

/** The call would be sent again, but must not. */
export function withheld(facts: Circumstances, { outcome }: Decision, why: string): Decision {
  const lacks = why === noBudget ? { lacksBudget: true } : {};
  if (outcome === 'unknown') return { ...doubt(facts, why), ...lacks };
  return { action: 'fail', outcome, costs: false, waitMs: 0, why, ...lacks };
}

function decideAmbiguous(facts: Circumstances, costs: boolean): Decision {
  const objection = objectionTo(facts);
  if (objection !== undefined) return doubt(facts, `it may have run, and ${objection}`);
  const { leaseLeftMs: waitMs } = facts;
  const when = waitMs > 0 ? ', once its lease has expired' : '';
  const why = `it may have run, and "${facts.safety}" may be repeated${when}`;
  return { action: 'send-again', outcome: 'unknown', costs, waitMs, why };
}

/** The call may have run and is not sent again: the application is asked, if it can tell. */
export function doubt(
  { canReconcile }: Pick<Circumstances, 'canReconcile'>,
  why: string,
): Decision {
  const action = canReconcile ? 'ask' : 'fail';
  return { action, outcome: 'unknown', costs: false, waitMs: 0, why };
}

/** Why a call that may have run must not be sent again, or undefined if it may. */
function objectionTo(facts: Circumstances): string | undefined {
  const { safety, setting } = facts;
  if (safety === 'mutate') return 'a "mutate" verb must not be repeated';
  if (setting === 'never') return 'replay is "never"';
  if (facts.isInputConsumed) return 'its input was consumed';
  if (safety === 'once') {
    if (facts.evidence === 'forgotten') return 'the server has forgotten its key';
  } else if (!permits(setting, safety)) {
    return `replay goes only as far as "${setting}"`;
  }
  if (safety === 'idempotent' && facts.isTooOld) {
    return 'a repeat this late could undo a newer write';
  }
  if (!facts.hasAttemptsLeft) return 'all attempts are used up';
  if (facts.leaseLeftMs > 0 && facts.leaseLeftMs >= facts.timeLeftMs) {
    return 'what it may have taken is not free before the deadline';
  }
  return undefined;
}

/** How far copies of a call are sent to other servers, where its verb may be of another class. */
export function settingOfCopies(setting: ReplaySetting): ReplaySetting {
  return setting === 'semi' ? 'idempotent' : setting;
}

/** True when a setting goes as far as a class. */
export function permits(setting: ReplaySetting, safety: 'read' | 'idempotent' | 'semi'): boolean {
  return looseness[safety] <= looseness[setting];
}

const looseness = { never: 0, read: 1, idempotent: 2, semi: 3 } as const;
