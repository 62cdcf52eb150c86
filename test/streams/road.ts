import { FrameDecoder } from '../../lib/protocols/holdfast/frame-decoder.ts';
import { FrameType, preamble } from '../../lib/protocols/holdfast/frames.ts';
import { HoldfastStreamCodec } from '../../lib/protocols/holdfast/stream-codec.ts';
import { ItemReader, readCredit, readEnd } from '../../lib/protocols/holdfast/stream-frames.ts';
import type { Outgoing } from '../../lib/protocols/protocol.ts';
import { type ReceiverContext, StreamReceiver } from '../../lib/streams/stream-receiver.ts';
import { StreamSender } from '../../lib/streams/stream-sender.ts';

const defaults = {
  maxFrameBytes: 16 * 1024 * 1024,
  maxBufferedBytes: 16 * 1024 * 1024,
  windowBytes: 1024 * 1024,
};

/** Bounds of both ends of a stream. */
export type RoadLimits = typeof defaults;

/** Bytes on their way in one direction. */
class Lane implements Outgoing {
  bytes: Buffer[] = [];
  byteLength = 0;

  push(buffer: Uint8Array, start: number, end: number): void {
    this.bytes.push(Buffer.from(buffer.subarray(start, end)));
    this.byteLength += end - start;
  }

  /** Takes so many bytes off the front. */
  take(count: number): Buffer {
    const all = Buffer.concat(this.bytes);
    this.bytes = [all.subarray(count)];
    this.byteLength = Math.max(0, all.length - count);
    return Buffer.from(all.subarray(0, count));
  }
}

/** The sending and the receiving end of one stream, and links between them that can be cut. */
export class Road {
  readonly codec = new HoldfastStreamCodec();
  readonly sender: StreamSender;
  readonly receiver: StreamReceiver;
  /** What the sender sent, and what the receiver did, and has not arrived. */
  there = new Lane();
  back = new Lane();
  readonly broken: Error[] = [];
  returned = 0;
  isDue = false;
  #toReceiver: FrameDecoder;
  #toSender: FrameDecoder;

  constructor(limits: Partial<RoadLimits> = {}, more: Partial<ReceiverContext> = {}) {
    const { maxFrameBytes, maxBufferedBytes, windowBytes } = { ...defaults, ...limits };
    const { codec } = this;
    this.sender = new StreamSender(1, codec, { maxFrameBytes, maxBufferedBytes });
    this.receiver = new StreamReceiver({
      codec,
      windowBytes,
      maxFrameBytes,
      onDue: () => {
        this.isDue = true;
      },
      onReturn: () => {
        this.returned++;
      },
      onBroken: (error) => this.broken.push(error),
      ...more,
    });
    this.#toReceiver = this.#decodeItems();
    this.#toSender = this.#decodeCredit();
  }

  #decodeItems(): FrameDecoder {
    const items = new ItemReader();
    const decoder = new FrameDecoder(
      {
        onFrame: (type, buffer, start, end, owned) => {
          if (type === FrameType.item) {
            this.receiver.onItem(items.read(buffer, start, end, owned));
          } else {
            const onEnd = (_: number, count: number): void => this.receiver.end(count);
            readEnd(buffer, start, end, { onEnd });
          }
        },
      },
      2 ** 31,
    );
    decoder.push(preamble);
    return decoder;
  }

  #decodeCredit(): FrameDecoder {
    const decoder = new FrameDecoder(
      {
        onFrame: (_, buffer, start, end) =>
          readCredit(buffer, start, end, {
            onItem: () => {},
            onCredit: (_number, received, limit) => this.sender.onCredit(received, limit),
          }),
      },
      2 ** 31,
    );
    decoder.push(preamble);
    return decoder;
  }

  /** A new link, on which the receiver says what it has. */
  connect(): void {
    this.there = new Lane();
    this.back = new Lane();
    this.#toReceiver = this.#decodeItems();
    this.#toSender = this.#decodeCredit();
    this.credit();
  }

  /** The link is lost, and all that was on it. */
  cut(): void {
    this.sender.detach();
    this.receiver.detach();
  }

  /** The receiver tells what it has and takes. */
  credit(): void {
    this.isDue = false;
    const { received, limit } = this.receiver.takeCredit();
    const frame = this.codec.credit(1, received, limit);
    this.back.push(frame, 0, frame.length);
  }

  /** Sends one part, or the end. */
  send(): void {
    this.sender.writeNext(this.there);
  }

  /** Nothing follows what was pushed. */
  end(): void {
    this.sender.end((target, { number, pushed }) => {
      const frame = this.codec.end(number, pushed);
      target.push(frame, 0, frame.length);
    });
  }

  /** So many bytes of what was sent arrive. */
  arrive(count = this.there.byteLength): void {
    this.#toReceiver.push(this.there.take(count));
  }

  /** So many bytes of credit arrive. */
  arriveBack(count = this.back.byteLength): void {
    this.#toSender.push(this.back.take(count));
  }

  /** Everything goes on until nothing moves, with credit as it is due. */
  settle(): void {
    for (;;) {
      this.arriveBack();
      let moved = false;
      while (this.sender.hasNext) {
        this.send();
        moved = true;
      }
      this.arrive();
      if (this.isDue) {
        this.credit();
        moved = true;
      }
      if (!moved) return;
    }
  }
}
