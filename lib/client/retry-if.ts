import { messageOf } from '../errors.ts';
import { show } from '../util/check.ts';
import type { Safety } from '../verbs/safety.ts';
import type { AttemptFailure } from './classify.ts';

/** What `retryIf` is told beside the failure. */
export interface RetryContext {
  readonly verb: string;
  /** What holds of the verb: of the client's class and the server's the stricter. */
  readonly safety: Safety;
  /** Attempts so far. */
  readonly attempt: number;
  /** `not-executed`: proven; `executed`: answered; `unknown`: this attempt or an earlier one may have run. */
  readonly outcome: 'not-executed' | 'executed' | 'unknown';
  /** What is left of the call's deadline, in ms. */
  readonly remainingMs: number;
}

/**
 * Overrides how a failed attempt is classified: `false`: the call is not sent again; `true`: it is,
 * also when the failure counts as final; `undefined`: as classified. It is asked only where `true`
 * is possible: never about a `mutate` call that may have run, nor beyond `replay`, `maxAttempts`,
 * `maxReplayAgeMs` and the deadline, and the retry budget is asked in any case. What it throws counts
 * as `false`, and so does anything that is none of the three; the error and `attempts` say so.
 */
export type RetryIf = (failure: AttemptFailure, context: RetryContext) => boolean | undefined;

/** What the application wants, and what is to be said of that. */
export interface Wish {
  readonly again: boolean | undefined;
  readonly why: string;
}

/** Asks the application. */
export function wishOf(retryIf: RetryIf, failure: AttemptFailure, context: RetryContext): Wish {
  let again: unknown;
  try {
    again = retryIf(failure, context);
  } catch (error) {
    return { again: false, why: `retryIf failed (${messageOf(error)})` };
  }
  switch (again) {
    case true:
      return { again, why: 'retryIf says yes' };
    case false:
      return { again, why: 'retryIf says no' };
    case undefined:
      return { again, why: '' };
    default: {
      // The promise of an async function is none of our business, but it must not end the process.
      Promise.resolve(again).catch(() => {});
      const why = `retryIf must return true, false or undefined, got ${show(again)}`;
      return { again: false, why };
    }
  }
}
