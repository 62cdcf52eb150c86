import type { Writable } from 'node:stream';
import { Packr, RESERVE_START_SPACE, REUSE_BUFFER_MODE } from 'msgpackr';

/** Bytes in front of a value: u32 length of all that follows it, u32 id, u8 code. */
export const headerBytes = 9;

const bufferBytes = 64 * 1024;
/** msgpackr starts a buffer of its own when it is given less than 2 KiB. */
const minRoomBytes = 4096;
const largeBytes = 16 * 1024;
const packMode = REUSE_BUFFER_MODE | RESERVE_START_SPACE;

const packr = new Packr({ useRecords: false });

/** True for a value that is worth sending without a copy. */
function isLarge(value: unknown): value is Uint8Array {
  return typeof value === 'object' && value instanceof Uint8Array && value.length > largeBytes;
}

/**
 * The frames of one turn of the event loop, packed back to back into one reused buffer and
 * written once.
 */
export class FrameBatch {
  readonly #stream: Writable;
  #buffer: Buffer = Buffer.allocUnsafeSlow(bufferBytes);
  /** What lies before it may still be with the stream, so it is not written over. */
  #start = 0;
  #end = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** Bytes that wait for {@link flush}. */
  get waitingBytes(): number {
    return this.#end - this.#start;
  }

  /** Adds a frame. A large `Uint8Array` is sent at once and as it is: nobody may write to it. */
  add(id: number, code: number, value: unknown): void {
    if (this.#buffer.length - this.#end < minRoomBytes) this.#moveOn(minRoomBytes);
    if (isLarge(value)) {
      this.#addLarge(id, code, value);
      return;
    }
    const valueAt = this.#end + headerBytes;
    // msgpackr rounds its start up to a multiple of 8; the reserved bytes close the gap.
    const reserved = valueAt & 7;
    packr.useBuffer(this.#buffer);
    packr.position = valueAt - reserved;
    const packed = packr.pack(value, packMode | reserved);
    const valueBytes = packr.offset - (packed === this.#buffer ? valueAt : reserved);
    if (packed !== this.#buffer) this.#bringBack(packed, reserved);
    this.#header(valueBytes, id, code);
    this.#end += headerBytes + valueBytes;
  }

  /** Hands what waits to the stream, in one write. */
  flush(): void {
    if (this.#end === this.#start) return;
    this.#stream.write(this.#buffer.subarray(this.#start, this.#end));
    this.#release();
  }

  #addLarge(id: number, code: number, value: Uint8Array): void {
    this.#header(5 + value.length, id, code);
    this.#end += headerBytes;
    this.#buffer[this.#end] = 0xc6;
    this.#end = this.#buffer.writeUInt32BE(value.length, this.#end + 1);
    this.#stream.cork();
    this.#stream.write(this.#buffer.subarray(this.#start, this.#end));
    this.#stream.write(value);
    this.#stream.uncork();
    this.#release();
  }

  #header(valueBytes: number, id: number, code: number): void {
    const buffer = this.#buffer;
    const at = this.#end;
    const length = headerBytes - 4 + valueBytes;
    buffer[at] = length >>> 24;
    buffer[at + 1] = length >>> 16;
    buffer[at + 2] = length >>> 8;
    buffer[at + 3] = length;
    buffer[at + 4] = id >>> 24;
    buffer[at + 5] = id >>> 16;
    buffer[at + 6] = id >>> 8;
    buffer[at + 7] = id;
    buffer[at + 8] = code;
  }

  /** The bytes were written in passing, or the stream still holds them. */
  #release(): void {
    if (this.#stream.writableLength === 0) this.#end = 0;
    this.#start = this.#end;
  }

  /** The value did not fit, so msgpackr moved it, alone, to a buffer of its own. */
  #bringBack(packed: Buffer, from: number): void {
    this.#moveOn(headerBytes + packr.offset - from);
    packed.copy(this.#buffer, this.#end + headerBytes, from, packr.offset);
  }

  /** Takes another buffer; the old one belongs to the stream until that has written it. */
  #moveOn(roomBytes: number): void {
    const next = Buffer.allocUnsafeSlow(Math.max(bufferBytes, 2 * (this.waitingBytes + roomBytes)));
    this.#end = this.#buffer.copy(next, 0, this.#start, this.#end);
    this.#start = 0;
    this.#buffer = next;
  }
}
