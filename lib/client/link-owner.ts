import type { HoldfastError, RemoteFailure } from '../errors.ts';
import type { Protocol, Refusal, UnknownFate, Verdict } from '../protocols/protocol.ts';
import type { IdleLife } from '../retry/idle-life.ts';
import type { Call } from './call.ts';
import type { ClientLink } from './client-link.ts';
import type { ResolvedClientOptions } from './options.ts';

/** Who owns a link: it gives the calls and takes what becomes of them. */
export interface LinkOwner {
  /** How many calls wait to be sent. */
  readonly waiting: number;
  /** True when one of the waiting calls must not be repeated. */
  hasUnsafeWaiting(): boolean;
  /** Calls that were on a link which is gone, and whose fate the server may know. */
  inDoubt(): readonly Call[];
  /** All calls below this number are settled, as far as the server needs to know. */
  acknowledged(): number;
  /** How many answers the server could drop since that was asked last. */
  readonly unacknowledged: number;
  /** The next call, stamped for this link; undefined when none waits that it can carry. */
  nextCall(link: ClientLink): Call | undefined;
  /** The link may have room again: pump it soon. */
  schedule(): void;
  /** The server has said hello, and what became of the calls that {@link ClientLink.asked} names. */
  onUp(link: ClientLink, verdicts: readonly Verdict[]): void;
  onReply(link: ClientLink, number: number, value: unknown): void;
  onUndecodable(link: ClientLink, number: number, error: HoldfastError): void;
  onRemoteError(link: ClientLink, number: number, failure: RemoteFailure): void;
  onRefused(link: ClientLink, number: number, refusal: Refusal): void;
  /** The server cannot tell whether it executed the call. */
  onUnknown(link: ClientLink, number: number, fate: UnknownFate): void;
  /** The answer to {@link ClientLink.ask}. */
  onVerdict(link: ClientLink, number: number, verdict: Verdict): void;
  /** The server goes soon. */
  onDraining(link: ClientLink, timeLeftMs: number): void;
  /** Calls whose place on the link is behind `accepted` are never executed. */
  onLine(link: ClientLink, accepted: number): void;
  /** Nothing is in flight any more on a link whose server goes. */
  onDrained(link: ClientLink): void;
  /** The last thing that is heard of a link; `cause` is undefined after an orderly end. */
  onLost(link: ClientLink, cause: Error | undefined): void;
}

/** What every link of a client shares. */
export interface LinkContext {
  readonly owner: LinkOwner;
  readonly options: ResolvedClientOptions;
  readonly protocol: Protocol;
  readonly session: Uint8Array;
  readonly idleLife: IdleLife;
}
