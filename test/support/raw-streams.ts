import { FrameType, moreMark, ValueForm } from '../../lib/protocols/holdfast/frames.ts';
import { frame, pack, type RawFrame, u48, unpack } from './raw-frames.ts';
import type { RawPeer } from './raw-peer.ts';

/** What a raw ITEM says. */
export interface RawItem {
  readonly number: number;
  readonly item: number;
  readonly value?: unknown;
  /** The value's bytes as they are, in the form `bytes`. */
  readonly bytes?: Uint8Array;
  readonly form?: number;
  /** Parts follow. */
  readonly hasMore?: boolean;
}

export function item({
  number,
  item: place,
  value,
  bytes,
  hasMore = false,
  ...more
}: RawItem): Buffer {
  const { form = bytes === undefined ? ValueForm.msgpack : ValueForm.bytes } = more;
  const mark = hasMore ? moreMark : 0;
  const body = bytes ?? pack(value);
  return frame(FrameType.item, Buffer.of(form | mark), u48(number), u48(place), body);
}

export function credit(number: number, received: number, limit: number): Buffer {
  return frame(FrameType.credit, u48(number), u48(received), u48(limit));
}

export function end(number: number, count: number): Buffer {
  return frame(FrameType.end, u48(number), u48(count));
}

/** What a CREDIT says. */
export function creditIn({ body }: RawFrame): {
  readonly number: number;
  readonly received: number;
  readonly limit: number;
} {
  const [number = 0, received = 0, limit = 0] = [0, 6, 12].map((at) => body.readUIntBE(at, 6));
  return { number, received, limit };
}

/** What an ITEM says. */
export function itemIn({ body }: RawFrame): {
  readonly number: number;
  readonly item: number;
  readonly hasMore: boolean;
  readonly bytes: Buffer;
} {
  const [number, place] = [body.readUIntBE(1, 6), body.readUIntBE(7, 6)];
  const hasMore = (body[0] as number) >= moreMark;
  return { number, item: place, hasMore, bytes: body.subarray(13) };
}

/** The next frame, which is a CREDIT. */
export async function nextCredit(peer: RawPeer): Promise<ReturnType<typeof creditIn>> {
  return creditIn(await peer.nextOf(FrameType.credit));
}

/** The next item, which is in one part and msgpack: its number and its value. */
export async function nextItem(peer: RawPeer): Promise<readonly [item: number, value: unknown]> {
  const next = itemIn(await peer.nextOf(FrameType.item));
  return [next.item, unpack(next.bytes)];
}
