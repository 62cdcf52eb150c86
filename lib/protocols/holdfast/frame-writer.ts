import { HoldfastError } from '../../errors.ts';
import { lengthBytes, ValueForm, writeUint32 } from './frames.ts';
import { writeShort } from './short-values.ts';
import { type Packed, packInto, packRoomBytes, refuseNesting } from './values.ts';

/** Size of the memory that small frames share. */
const slabBytes = 64 * 1024;

/** Bytes up to this size are copied behind their header; larger ones travel from where they are. */
const copyLimitBytes = 4 * 1024;

/**
 * Writes frames one behind the other into slabs of shared memory, so that frames which are made
 * together leave together without being copied. Whoever may have to send a frame again keeps a
 * reference to it and needs no copy: a slab is written over only when all of its frames were given
 * back.
 *
 * The result of {@link encode} stands in the fields until the next call of it.
 */
export class FrameWriter implements Packed {
  /** The memory that the frame is in. */
  buffer: Buffer;
  start = 0;
  end = 0;
  /** Bytes that follow `[start, end)` and complete the frame, uncopied. */
  body: Uint8Array | undefined;
  #slab: Buffer;
  #cursor = 0;
  /** Frames in the slab, and how many of them were given back. */
  #frames = 0;
  #returned = 0;

  constructor() {
    this.#slab = Buffer.allocUnsafeSlow(slabBytes);
    this.buffer = this.#slab;
  }

  /**
   * Starts a frame with `headerBytes` of header, to be filled in by the caller, and the value
   * behind it. Writes the length field. Returns the form of the value.
   *
   * @throws HoldfastError `ERR_HOLDFAST_ENCODE`, `ERR_HOLDFAST_FRAME_TOO_LARGE`; nothing is kept then.
   */
  encode(headerBytes: number, value: unknown, maxFrameBytes: number): ValueForm {
    refuseNesting();
    if (this.#slab.length - this.#cursor < packRoomBytes + headerBytes + copyLimitBytes) {
      this.#begin(Buffer.allocUnsafeSlow(slabBytes), 0);
    }
    const start = this.#cursor;
    this.body = undefined;
    const form = this.#placeValue(start, headerBytes, value);
    const frameBytes = this.end - this.start + this.#bodyBytes();
    if (frameBytes > maxFrameBytes) throw tooLarge(frameBytes, maxFrameBytes);
    writeUint32(this.buffer, this.start, frameBytes - lengthBytes);
    if (this.buffer === this.#slab) this.#cursor = this.end;
    else this.#settleIn();
    if (this.isShared) this.#frames++;
    return form;
  }

  /** The frame lies where others do: who needs it no more may say so by {@link giveBack}. */
  get isShared(): boolean {
    return this.buffer === this.#slab;
  }

  /**
   * So many frames in this memory are needed no more, by anybody. Written over and over, memory stays
   * in the processor's cache: with replies of 100 bytes that spares a server a tenth of its time.
   */
  giveBack(buffer: Uint8Array, count: number): void {
    if (buffer !== this.#slab) return;
    this.#returned += count;
    if (this.#returned === this.#frames) this.#begin(this.#slab, 0);
  }

  #begin(slab: Buffer, cursor: number): void {
    this.#slab = slab;
    this.#cursor = cursor;
    this.#frames = 0;
    this.#returned = 0;
  }

  #placeValue(start: number, headerBytes: number, value: unknown): ValueForm {
    const slab = this.#slab;
    if (value === undefined) {
      this.#place(slab, start, start + headerBytes);
      return ValueForm.none;
    }
    if (value instanceof Uint8Array) {
      this.#placeBytes(start, headerBytes, value);
      return ValueForm.bytes;
    }
    const end = writeShort(slab, start + headerBytes, value);
    if (end >= 0) this.#place(slab, start, end);
    else packInto(slab, start, headerBytes, value, this);
    return ValueForm.msgpack;
  }

  /** The frame did not fit and msgpackr put it into a new buffer, up to four times its size. */
  #settleIn(): void {
    const frameBytes = this.end - this.start;
    if (frameBytes < slabBytes / 4) {
      this.#begin(this.buffer, this.end);
    } else {
      const own = Buffer.allocUnsafeSlow(frameBytes);
      this.buffer.copy(own, 0, this.start, this.end);
      this.#place(own, 0, frameBytes);
    }
  }

  #bodyBytes(): number {
    return this.body === undefined ? 0 : this.body.byteLength;
  }

  #place(buffer: Buffer, start: number, end: number): void {
    // Young memory in an old object is entered in a list each time that it is written there.
    if (this.buffer !== buffer) this.buffer = buffer;
    this.start = start;
    this.end = end;
  }

  #placeBytes(start: number, headerBytes: number, bytes: Uint8Array): void {
    const headerEnd = start + headerBytes;
    if (bytes.byteLength > copyLimitBytes) {
      this.#place(this.#slab, start, headerEnd);
      this.body = canChange(bytes.buffer) ? Buffer.from(bytes) : bytes;
    } else {
      this.#slab.set(bytes, headerEnd);
      this.#place(this.#slab, start, headerEnd + bytes.byteLength);
    }
  }
}

/** Memory whose length can change: then the rest of the message would not be where it was said to be. */
function canChange(memory: ArrayBufferLike): boolean {
  const { resizable, growable } = memory as { resizable?: boolean; growable?: boolean };
  return resizable === true || growable === true;
}

function tooLarge(frameBytes: number, maxFrameBytes: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_FRAME_TOO_LARGE',
    `Message of ${frameBytes} bytes is larger than maxFrameBytes (${maxFrameBytes}); raise it on both sides or send the data in parts`,
    { final: true },
  );
}
