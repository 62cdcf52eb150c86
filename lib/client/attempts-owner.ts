import type { ErrorCode, HoldfastError, Outcome } from '../errors.ts';
import type { Call } from './call.ts';
import type { ClientLink } from './client-link.ts';
import type { Doubts } from './doubts.ts';
import type { ReplayEvent } from './events.ts';
import type { CallErrorDetails, CallFailure } from './failures.ts';
import type { Decision } from './replay.ts';

/** Who keeps the calls whose attempts end here. */
export interface AttemptsOwner {
  readonly doubts: Doubts;
  /** The pending call of this number, if there is one. */
  find(number: number): Call | undefined;
  /** The calls whose attempt is on this link, oldest first. */
  on(link: ClientLink): Call[];
  /** Removes every trace of a call; it is resolved or rejected next. */
  settle(call: Call): void;
  resolve(call: Call, value: unknown): void;
  reject(call: Call, error: HoldfastError): void;
  fail(
    call: Call,
    code: ErrorCode,
    why: string,
    outcome: Outcome,
    details?: CallErrorDetails,
  ): void;
  /** Fails a call, or asks the application first, as was decided. */
  end(call: Call, decision: Decision, failure: CallFailure): void;
  /** Puts calls in front of those that wait. */
  sendAgain(calls: readonly Call[]): void;
  /** The call was answered: its next attempt is another call for the server. */
  renumber(call: Call): void;
  onReplay(event: ReplayEvent): void;
}
