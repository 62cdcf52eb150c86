import type { EncodedItem, Outgoing, StreamCodec } from '../protocol.ts';
import { numbersFrame } from './control-frames.ts';
import { FrameWriter } from './frame-writer.ts';
import {
  creditBytes,
  FrameType,
  itemCost,
  itemHeaderBytes,
  lengthBytes,
  maxPartBytes,
  moreMark,
  writeNumber,
  writeUint32,
} from './frames.ts';
import { unpackValue } from './values.ts';

/** Headers of parts behind the first share memory of this size. */
const headerSlabBytes = 4 * 1024;

/** Writes ITEM, CREDIT and END frames. */
export class HoldfastStreamCodec implements StreamCodec {
  readonly itemCost: number = itemCost;
  readonly maxPartBytes: number = maxPartBytes;
  readonly headerBytes: number = itemHeaderBytes;
  readonly creditBytes: number = creditBytes;
  readonly #writer = new FrameWriter();
  #headers = Buffer.allocUnsafeSlow(headerSlabBytes);
  #header = 0;

  encode(value: unknown, maxFrameBytes: number): EncodedItem {
    const writer = this.#writer;
    const form = writer.encode(itemHeaderBytes, value, maxFrameBytes);
    const { buffer, start, end, body } = writer;
    const bytes = body === undefined ? end - start - itemHeaderBytes : body.byteLength;
    return { form, buffer, start, end, body, bytes };
  }

  writePart(
    target: Outgoing,
    number: number,
    item: number,
    encoded: EncodedItem,
    from: number,
    to: number,
  ): void {
    const { buffer, start, body, bytes } = encoded;
    const form = to < bytes ? encoded.form | moreMark : encoded.form;
    const valueStart = start + itemHeaderBytes;
    // The first part has its header where the item was encoded, right before the value.
    const isFirst = from === 0;
    const header = isFirst ? buffer : this.#makeHeader();
    const at = isFirst ? start : this.#header - itemHeaderBytes;
    writeUint32(header, at, itemHeaderBytes - lengthBytes + to - from);
    header[at + 4] = FrameType.item;
    header[at + 5] = form;
    writeNumber(header, at + 6, number);
    writeNumber(header, at + 12, item);
    if (body !== undefined) {
      target.push(header, at, at + itemHeaderBytes);
      target.push(body, from, to);
    } else if (isFirst) {
      target.push(buffer, start, valueStart + to);
    } else {
      target.push(header, at, at + itemHeaderBytes);
      target.push(buffer, valueStart + from, valueStart + to);
    }
  }

  decode(form: number, buffer: Buffer, start: number, end: number, owned: boolean): unknown {
    return unpackValue(form, buffer, start, end, owned);
  }

  credit(number: number, received: number, limit: number): Buffer {
    return numbersFrame(FrameType.credit, [number, received, limit]);
  }

  end(number: number, count: number): Buffer {
    return numbersFrame(FrameType.end, [number, count]);
  }

  /** Memory that is written once and not used again, up to `#header`. */
  #makeHeader(): Buffer {
    if (this.#header + itemHeaderBytes > this.#headers.length) {
      this.#headers = Buffer.allocUnsafeSlow(headerSlabBytes);
      this.#header = 0;
    }
    this.#header += itemHeaderBytes;
    return this.#headers;
  }
}
