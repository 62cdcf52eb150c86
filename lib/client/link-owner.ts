import type { HoldfastError, RemoteFailure } from '../errors.ts';
import type { Medium } from '../media/medium.ts';
import type {
  EncodedCall,
  Protocol,
  Refusal,
  StreamCodec,
  UnknownFate,
  Verdict,
} from '../protocols/protocol.ts';
import type { RetryBudget } from '../retry/budget.ts';
import type { IdleLife } from '../retry/idle-life.ts';
import type { LinkedStream, LinkStreams } from './link-streams.ts';
import type { ResolvedClientOptions } from './options.ts';
import type { Patiences } from './patiences.ts';
import type { StallListener } from './stall-watch.ts';
import type { Tables } from './tables.ts';
import type { Acknowledging } from './watermark.ts';

/** A call, as far as a link uses it. */
export interface LinkedCall extends EncodedCall {
  readonly number: number;
  /** When its present attempt was sent. */
  sentAt: number;
  /** Where in the link's output the server has enough of it to run it. */
  sentTo: number;
  readonly byteLength: number;
  /** Which of the calls on the link it is, from 1; 0 when it was sent on an earlier one. */
  place: number;
  readonly stream: OpenedStream | undefined;
}

/** The streams of a call, as far as the link on which it is uses them. */
export interface OpenedStream {
  /** The call was sent: what belongs to its streams follows. */
  open(streams: LinkStreams): void;
  /** The server has it from an earlier link. */
  resume(streams: LinkStreams): void;
}

/** Who owns a link: it gives the calls and takes what becomes of them. */
export interface LinkOwner<Link> extends StallListener<Link> {
  /** How many calls wait to be sent. */
  readonly waiting: number;
  /** True when one of the next `most` calls must not be repeated. */
  hasUnsafeNext(most: number): boolean;
  /** Numbers of calls that were on a link which is gone, and whose fate the server may know. */
  inDoubt(): readonly number[];
  /** True when no other link is there, and {@link inDoubt} gives all calls that were on earlier ones. */
  readonly isAlone: boolean;
  /** Knows which calls have settled. */
  readonly settled: Acknowledging;
  /** The next call, stamped for this link; undefined when none waits that it can carry. */
  nextCall(link: Link, now: number): LinkedCall | undefined;
  /**
   * The streams of a call that is on the link, if it is and has some. Throws `HoldfastError`
   * `ERR_HOLDFAST_PROTOCOL` when there never was such a call.
   */
  streamOn(link: Link, number: number): LinkedStream | undefined;
  /** The server has said hello, and what became of the calls that its hello names. */
  onUp(link: Link, verdicts: readonly Verdict[]): void;
  onReply(link: Link, number: number, value: unknown): void;
  onUndecodable(link: Link, number: number, error: HoldfastError): void;
  onRemoteError(link: Link, number: number, failure: RemoteFailure): void;
  onRefused(link: Link, number: number, refusal: Refusal): void;
  /** The server cannot tell whether it executed the call. */
  onUnknown(link: Link, number: number, fate: UnknownFate): void;
  /** The answer to the question of a later time. */
  onVerdict(link: Link, number: number, verdict: Verdict): void;
  /** The server goes soon. */
  onDraining(link: Link, timeLeftMs: number): void;
  /** Calls whose place on the link is behind `accepted` are never executed. */
  onLine(link: Link, accepted: number): void;
  /** Nothing is in flight any more on a link whose server goes. */
  onDrained(link: Link): void;
  /** The last thing that is heard of a link; `cause` is undefined after an orderly end. */
  onLost(link: Link, cause: Error | undefined): void;
}

/** What every link of a client shares. */
export interface LinkContext<Link> {
  readonly owner: LinkOwner<Link>;
  readonly options: ResolvedClientOptions;
  readonly protocol: Protocol;
  /** How items of streams travel, if the protocol has them. */
  readonly codec: StreamCodec | undefined;
  readonly session: Uint8Array;
  readonly idleLife: IdleLife;
  readonly tables: Tables;
  /** Undefined when links that stall are not left. */
  readonly patiences: Patiences | undefined;
  /** For each address what may be sent again there; as long as the client lives it holds them. */
  readonly budgets: ReadonlyMap<Medium, RetryBudget>;
}
