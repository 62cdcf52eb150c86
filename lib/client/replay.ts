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
  /** For `idempotent`: `maxReplayAgeMs` has passed since the first sending that may have run. */
  readonly isTooOld: boolean;
  /** Another attempt that may run is allowed by `maxAttempts`. */
  readonly hasAttemptsLeft: boolean;
  /** The server refused and says that sending again cannot help. */
  readonly isFinalRefusal: boolean;
  /** The application's input stream was pulled and cannot be had again. */
  readonly isInputConsumed: boolean;
  /** The application has seen a part of the reply. */
  readonly isReplySeen: boolean;
  /** The application can find out what became of the call. */
  readonly canReconcile: boolean;
}

/** What to do with the call. */
export interface Decision {
  readonly action: AttemptRecord['decision'];
  /** With `fail`: what is known of the call, all attempts together. */
  readonly outcome: Outcome;
  /** True when sending again adds load that the budget must bear. */
  readonly costs: boolean;
  readonly why: string;
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
        why: 'the server has its reply',
      };
    case 'running':
      return {
        action: 'attach',
        outcome: 'unknown',
        costs: false,
        why: 'the server is running it',
      };
    case 'untouched':
    case 'incomplete':
    case 'refused':
    case 'never':
      return facts.isReplySeen ? replySeen : decideProven(facts);
    case 'forgotten':
    case 'handed-over':
      return facts.isReplySeen ? replySeen : decideAmbiguous(facts, true);
  }
}

const replySeen: Decision = {
  action: 'fail',
  outcome: 'executed',
  costs: false,
  why: 'a part of the reply was delivered',
};

const proofs: Readonly<Record<'untouched' | 'incomplete' | 'refused' | 'never', string>> = {
  untouched: 'no byte of it was given to the operating system',
  incomplete: 'its last byte was certainly never taken',
  refused: 'the server did not execute it',
  never: 'the server has never seen it',
};

function decideProven(facts: Circumstances): Decision {
  const proof = proofs[facts.evidence as keyof typeof proofs];
  if (facts.isFinalRefusal) return giveUp(facts, `${proof} and says not to try again`);
  if (facts.setting === 'never') return giveUp(facts, `${proof}, but replay is "never"`);
  if (facts.isInputConsumed) return giveUp(facts, `${proof}, but its input was consumed`);
  if (facts.mayHaveRun) return decideAmbiguous(facts, false);
  return { action: 'send-again', outcome: 'not-executed', costs: false, why: proof };
}

/** This attempt did not run; what is known of the call depends on those before it. */
function giveUp(facts: Circumstances, why: string): Decision {
  if (facts.mayHaveRun) return doubt(facts, `${why}; an earlier attempt may have run`);
  return { action: 'fail', outcome: 'not-executed', costs: false, why };
}

function decideAmbiguous(facts: Circumstances, costs: boolean): Decision {
  const objection = objectionTo(facts);
  if (objection !== undefined) return doubt(facts, `it may have run, and ${objection}`);
  const why = `it may have run, and "${facts.safety}" may be repeated`;
  return { action: 'send-again', outcome: 'unknown', costs, why };
}

/** The call may have run and is not sent again: the application is asked, if it can tell. */
function doubt(facts: Circumstances, why: string): Decision {
  return facts.canReconcile
    ? { action: 'ask', outcome: 'unknown', costs: false, why: `${why}: the application can tell` }
    : { action: 'fail', outcome: 'unknown', costs: false, why };
}

/** Why a call that may have run must not be sent again, or undefined if it may. */
function objectionTo(facts: Circumstances): string | undefined {
  const { safety, setting } = facts;
  if (safety === 'mutate') return 'a "mutate" verb must not be repeated';
  if (setting === 'never') return 'replay is "never"';
  if (facts.isInputConsumed) return 'its input was consumed';
  if (safety === 'once') {
    if (facts.evidence === 'forgotten') return 'the server has forgotten its key';
  } else if (looseness[safety] > looseness[setting]) {
    return `replay goes only as far as "${setting}"`;
  }
  if (safety === 'idempotent' && facts.isTooOld) {
    return 'a repeat this late could undo a newer write';
  }
  if (!facts.hasAttemptsLeft) return 'all attempts are used up';
  return undefined;
}

const looseness = { never: 0, read: 1, idempotent: 2, semi: 3 } as const;
