import type { ArrivedItem, StreamSink } from '../protocol.ts';
import { truncated } from './bad-frames.ts';
import { creditBytes, lengthBytes, moreMark, preamble, readNumber } from './frames.ts';

/** Who takes what a client says of streams. */
export interface ServerStreamSink extends StreamSink {
  /** What the client sends has ended normally, after `count` items. */
  onEnd(number: number, count: number): void;
}

/** Bytes of a form and two numbers. */
const itemFieldBytes = 13;

/** Reads ITEM frames into one object. */
export class ItemReader {
  readonly #item: ArrivedItem = {
    number: 0,
    item: 0,
    form: 0,
    isLast: true,
    buffer: preamble,
    start: 0,
    end: 0,
    owned: false,
  };

  /** The result is good until the next call. */
  read(buffer: Buffer, start: number, end: number, owned: boolean): ArrivedItem {
    if (end - start < itemFieldBytes) throw truncated('ITEM');
    const item = this.#item;
    const form = buffer[start] as number;
    item.form = form & ~moreMark;
    item.isLast = form < moreMark;
    item.number = readNumber(buffer, start + 1);
    item.item = readNumber(buffer, start + 7);
    item.buffer = buffer;
    item.start = start + itemFieldBytes;
    item.end = end;
    item.owned = owned;
    return item;
  }
}

export function readCredit(buffer: Buffer, start: number, end: number, sink: StreamSink): void {
  if (end - start !== creditBytes - lengthBytes - 1) throw truncated('CREDIT');
  const received = readNumber(buffer, start + 6);
  sink.onCredit(readNumber(buffer, start), received, readNumber(buffer, start + 12));
}

export function readEnd(
  buffer: Buffer,
  start: number,
  end: number,
  sink: Pick<ServerStreamSink, 'onEnd'>,
): void {
  if (end - start !== 12) throw truncated('END');
  sink.onEnd(readNumber(buffer, start), readNumber(buffer, start + 6));
}
