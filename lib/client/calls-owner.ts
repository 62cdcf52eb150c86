import type { ReplayEvent } from './events.ts';

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
