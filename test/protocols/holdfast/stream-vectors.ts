import { HoldfastStreamCodec } from '../../../lib/protocols/holdfast/stream-codec.ts';
import type { EncodedItem, Outgoing } from '../../../lib/protocols/protocol.ts';
import type { Event } from './sinks.ts';
import { clientHello, serverHello } from './vectors.ts';

/** What sides that take streams say of themselves. */
export const streamingClient = { ...clientHello, streams: true };
export const streamingServer = { ...serverHello, streams: true };

/** A vector of PROTOCOL.md, and what it stands for. */
export interface Golden {
  /** How the vector's description in PROTOCOL.md begins. */
  readonly name: string;
  /** Encodes what the description says. */
  readonly encode: () => Uint8Array;
  /** What the far side hears of it. */
  readonly heard: Event;
}

/** Bytes that were pushed, as one. */
class Pushed implements Outgoing {
  bytes = Buffer.alloc(0);

  push(buffer: Uint8Array, start: number, end: number): void {
    this.bytes = Buffer.concat([this.bytes, buffer.subarray(start, end)]);
  }
}

const codec = new HoldfastStreamCodec();

function part(name: string, item: number, value: unknown, from: number, to: number): Golden {
  const encoded = codec.encode(value, 1_000_000);
  return {
    name,
    encode: () => {
      const pushed = new Pushed();
      codec.writePart(pushed, 258, item, encoded, from, to);
      return pushed.bytes;
    },
    heard: ['item', 258, item, encoded.form, to === encoded.bytes, partOf(encoded, from, to)],
  };
}

function partOf({ buffer, start }: EncodedItem, from: number, to: number): string {
  return buffer.toString('hex', start + 18 + from, start + 18 + to);
}

/** What both sides say of streams. */
export const streams: readonly Golden[] = [
  part('ITEM 1 ', 1, 'ok', 0, 3),
  part('ITEM 2 ', 2, Buffer.of(0xff, 0), 0, 2),
  part('ITEM 3 of call 258, bytes, the part', 3, Buffer.of(1, 2, 3), 0, 2),
  part('ITEM 3 of call 258, bytes, the last part', 3, Buffer.of(1, 2, 3), 2, 3),
  {
    name: 'CREDIT ',
    encode: () => codec.credit(258, 2, 1_048_576),
    heard: ['credit', 258, 2, 1_048_576],
  },
];
/** What a client alone says. */
export const end: Golden = {
  name: 'END ',
  encode: () => codec.end(258, 3),
  heard: ['end', 258, 3],
};
