import type { AttemptRecord, HoldfastError } from '../errors.ts';
import type { Alarm } from '../retry/timer-wheel.ts';
import type { ClientLink } from './client-link.ts';

/**
 * What has become of a call so far, beside the attempt that is under way. Most calls have no past:
 * they are sent once and answered.
 */
export class Past {
  /** Every attempt that has ended, oldest first. */
  history: AttemptRecord[] | undefined;

  /** Attempts that may have run. */
  ambiguousAttempts = 0;
  /** How many of those the application has found not to have run. */
  disprovedAttempts = 0;
  /** When the first attempt that may have run was sent. */
  firstSentAt = 0;
  /** The set of records of `once` calls to which that attempt went. */
  completions = '';
  /** When an attempt that may have run was last given up. */
  lostAt = 0;
  /** What the last attempt that may have run took, it had taken by then. */
  takenAt = 0;

  /** Copies at other servers, which count as attempts that may have run. */
  copies = 0;
  /** It is such a copy: repeats what may have run, and is not repeated itself. */
  isCopy = false;

  /** The link that was lost, while the call waits to hear its fate. */
  lostLink: ClientLink | undefined;
  /** Why it was lost. */
  lostCause: Error | undefined;
  /** The link on which its fate was asked for. */
  askedOn: ClientLink | undefined;

  refusals = 0;
  /** Attempts whose time was over. */
  timeouts = 0;
  /** Attempts that were executed, with an answer that is no good. */
  executions = 0;
  /** The error that the last of them would have ended the call with. */
  answer: HoldfastError | undefined;
  /** The application is told or asked of it at this moment. */
  isTold = false;
  /** A reply has come, and it is being looked at. */
  isChecked = false;

  /** It was sent again, or would have been if the budget allowed it; or it was below. */
  retried = false;
  /** Set while the call waits because the server refused it for now, or for a lease to expire. */
  retryAlarm: Alarm | undefined;

  /** An attempt may have run. */
  get mayHaveRun(): boolean {
    return this.ambiguousAttempts > this.disprovedAttempts || this.lostLink !== undefined;
  }
}
