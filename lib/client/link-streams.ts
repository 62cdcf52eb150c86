import type { ArrivedItem, ServerHello, StreamCodec, StreamSink } from '../protocols/protocol.ts';
import { Courier, type CourierTarget } from '../streams/courier.ts';
import type { Credit } from '../streams/stream-receiver.ts';
import type { StreamSender } from '../streams/stream-sender.ts';

/** The output side of a link. */
export interface StreamOutlet extends CourierTarget {
  readonly writing: boolean;
  pushAll(buffer: Uint8Array): void;
  flush(): void;
}

/** What a link brings to a stream. */
export interface LinkedStream {
  onItem(item: ArrivedItem): void;
  onCredit(received: number, limit: number): void;
}

/** A stream that has to tell what has come. */
export interface Telling {
  tell(): void;
}

/** The streams of the calls on one link: brings them what arrives, and carries what they send. */
export class LinkStreams implements StreamSink {
  readonly #codec: StreamCodec | undefined;
  readonly #outbox: StreamOutlet;
  readonly #find: (number: number) => LinkedStream | undefined;
  readonly #nextTurn: (callback: () => void) => void;
  readonly #mustWait: () => boolean;
  readonly #courier: Courier;
  readonly #telling = new Set<Telling>();
  readonly #tellAll = (): void => this.#onTurn();
  /** Largest message that the server takes. */
  maxFrameBytes = 0;
  /** Bytes of the frames that came for streams. */
  heardBytes = 0;
  /** The server takes streams, and so does the protocol. */
  areTaken = false;

  /**
   * @param codec how items travel, if the protocol has them
   * @param find the stream of a call that is on the link, if it is and has one; throws when there
   *   never was such a call
   * @param nextTurn calls back when the event loop has turned
   * @param mustWait items wait, for what is sent before them
   */
  constructor(
    codec: StreamCodec | undefined,
    outbox: StreamOutlet,
    find: (number: number) => LinkedStream | undefined,
    nextTurn: (callback: () => void) => void,
    mustWait: () => boolean,
  ) {
    this.#mustWait = mustWait;
    this.#nextTurn = nextTurn;
    this.#codec = codec;
    this.#outbox = outbox;
    this.#find = find;
    this.#courier = new Courier(outbox);
  }

  /** Items wait to be sent. */
  get isBusy(): boolean {
    return this.#courier.isBusy;
  }

  onHello({ maxFrameBytes, streams = false }: ServerHello): void {
    this.maxFrameBytes = maxFrameBytes;
    this.areTaken = streams && this.#codec !== undefined;
  }

  onItem(item: ArrivedItem): void {
    this.heardBytes += item.end - item.start + (this.#codec as StreamCodec).headerBytes;
    this.#find(item.number)?.onItem(item);
  }

  onCredit(number: number, received: number, limit: number): void {
    this.heardBytes += (this.#codec as StreamCodec).creditBytes;
    this.#find(number)?.onCredit(received, limit);
  }

  /**
   * A stream has to tell what has come, at the end of the turn: of items that come together once, for
   * a small write costs as much as the half of an item of 64 KiB.
   */
  tellSoon(stream: Telling): void {
    this.#telling.add(stream);
    if (this.#telling.size === 1) this.#nextTurn(this.#tellAll);
  }

  #onTurn(): void {
    const telling = [...this.#telling];
    this.#telling.clear();
    for (const stream of telling) stream.tell();
    this.#outbox.flush();
  }

  /** Tells the server what has come of a call's items, and how much may. */
  tell(number: number, { received, limit }: Credit): void {
    const frame = this.#codec?.credit(number, received, limit);
    if (frame !== undefined) this.#outbox.pushAll(frame);
  }

  /** A stream may have something to send. */
  carry(sender: StreamSender): void {
    this.#courier.add(sender);
    if (!this.#outbox.writing) this.flush();
  }

  /** A stream sends nothing more on this link. */
  drop(sender: StreamSender): void {
    this.#courier.remove(sender);
  }

  /** Items go out behind what waits, as far as there is room. */
  flush(): void {
    if (this.#courier.isBusy && !this.#mustWait()) this.#courier.pump();
    this.#outbox.flush();
  }

  /** The link is gone. */
  close(): void {
    this.#courier.clear();
  }
}
