import type { Lender } from '../link/outbox.ts';
import type { Peer } from '../media/medium.ts';
import type { ArrivedItem, UnknownFate } from '../protocols/protocol.ts';
import type { Sending } from '../streams/courier.ts';
import type { RecordedFrame } from './records.ts';

/** What streams need of the link that they are on. */
export interface StreamLink {
  /** Sends a frame at once. */
  send(frame: Buffer): void;
  /** The stream may have something to send: it gets its turn. */
  wake(stream: Sending): void;
  /** The stream has nothing more to send. */
  drop(stream: Sending): void;
}

/** A link, as far as its session uses it. */
export interface SessionLink {
  /** Where it comes from. */
  readonly peer: Peer;
  /** When something came last. */
  readonly heardAt: number;
  readonly streams: StreamLink;
  /**
   * Sends a frame that answers a call.
   *
   * @param lender gets its memory back, if nobody needs it afterwards
   */
  send(frame: RecordedFrame, lender?: Lender): void;
  /** The server cannot tell whether it executed the call. */
  unknown(number: number, fate: UnknownFate): void;
  /** Ends now; nothing more is read from it. */
  destroy(): void;
}

/** A call that is answered, whose items its client may not have. */
export interface DeliveringCall {
  readonly number: number;
  /** The client has the answer, and with it every item. */
  discard(): void;
}

/** The streams of a call, as far as its session and its link know them. */
export interface RunningStreams {
  /** It is answered, but the client may not have all items: they are kept, and the answer too. */
  readonly isDelivering: boolean;
  /** Something is to come from the client, or to go to it, beside the answer. */
  readonly needsLink: boolean;
  /** The streams begin or go on at this link. */
  attach(link: StreamLink): void;
  /** The link is gone. */
  detach(): void;
  /**
   * A long frame arrives: tells the client what of its items has come, if it does not know or waits
   * to hear that they arrive; true when it did.
   */
  tellArrived(): boolean;
  /** Each of these throws `ERR_HOLDFAST_PROTOCOL` when it is not what the protocol allows. */
  onItem(item: ArrivedItem): void;
  onCredit(received: number, limit: number): void;
  onEnd(count: number): void;
}

/**
 * What is kept of a call's answer until its client has acknowledged it: nothing, the answer, or the
 * answer as long as there is room to spare, for another execution would give it too.
 */
export type Recording = 'none' | 'spare' | 'due';

/** A call whose handler runs, as far as its session knows it. */
export interface RunningCall {
  readonly verb: string;
  readonly number: number;
  readonly peer: Peer;
  recording: Recording;
  /** Set while it waits for its turn: its handler has not begun. */
  readonly waiting: unknown;
  /** Items travel beside it. */
  readonly streams: RunningStreams | undefined;
  /** The link on which it came last. */
  link: SessionLink;
  /** Nobody waits any more: the handler's signal aborts and its answer is dropped. */
  cancel(reason: Error): void;
}
