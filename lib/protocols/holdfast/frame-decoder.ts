import { HoldfastError } from '../../errors.ts';
import { lengthBytes, preamble, protocolVersion, readUint32 } from './frames.ts';

/** Who takes decoded frames. */
export interface FrameSink {
  /**
   * One whole frame: `[start, end)` is what follows its type. `owned` says that the memory is the
   * frame's own; otherwise it may be reused after the call.
   */
  onFrame(type: number, buffer: Buffer, start: number, end: number, owned: boolean): void;
}

/** A long frame is given at most this much memory before its bytes are there. */
const firstReserveBytes = 1024 * 1024;

/** With at least so many bytes missing, they are read straight into the frame's own memory. */
const readIntoBytes = 8 * 1024;

const headerBytes = lengthBytes + 1;

/**
 * Cuts a byte stream into frames, however it arrives. Frames that are whole in a chunk are decoded
 * in place; the beginning of one that is not is kept in memory of its own.
 *
 * Memory follows what was received, not what a length field declares.
 */
export class FrameDecoder {
  /** Largest frame that is taken, its length field included. */
  maxFrameBytes: number;
  readonly #sink: FrameSink;
  #preambleSeen = 0;
  /** The frame that has begun; `#held` of its bytes are there. */
  #partial: Buffer | undefined;
  #held = 0;
  #wanted = 0;
  #stopped = false;
  #isHolding = false;
  /** What came, or was left, while the decoder holds. */
  #rest: Buffer | undefined;

  constructor(sink: FrameSink, maxFrameBytes: number) {
    this.#sink = sink;
    this.maxFrameBytes = maxFrameBytes;
  }

  /** True when no frame has begun. */
  get atBoundary(): boolean {
    return this.#held === 0 && this.#rest === undefined;
  }

  /** Takes nothing any more, not even what is left of the chunk at hand. */
  stop(): void {
    this.#stopped = true;
    this.#partial = undefined;
    this.#rest = undefined;
  }

  /** Gives no more frames out, not even those of the chunk at hand, until {@link release}. */
  hold(): void {
    this.#isHolding = true;
  }

  /** Goes on with what came meanwhile; throws what {@link push} throws. */
  release(): void {
    const rest = this.#rest;
    this.#isHolding = false;
    this.#rest = undefined;
    if (rest !== undefined) this.push(rest);
  }

  /** Where the next bytes should be read into, if a long frame waits for them. */
  readInto(): Buffer | undefined {
    const partial = this.#partial;
    if (partial === undefined || this.#wanted - this.#held < readIntoBytes) return undefined;
    if (partial.length - this.#held < readIntoBytes && partial.length < this.#wanted) this.#grow();
    return this.#partial?.subarray(this.#held);
  }

  /**
   * Takes the next bytes of the stream.
   *
   * @throws HoldfastError `ERR_HOLDFAST_PROTOCOL`, `ERR_HOLDFAST_VERSION`,
   *   `ERR_HOLDFAST_FRAME_TOO_LARGE`. Nothing more is taken after that.
   */
  push(chunk: Buffer): void {
    if (this.#isHolding) {
      this.#leave(chunk);
      return;
    }
    let position = 0;
    if (this.#preambleSeen < preamble.length) position = this.#takePreamble(chunk);
    if (this.#held > 0) position = this.#continue(chunk, position);
    const end = chunk.length;
    while (!this.#stopped && !this.#isHolding && end - position >= headerBytes) {
      const frameEnd = position + this.#frameBytes(chunk, position);
      if (frameEnd > end) break;
      const type = chunk[position + lengthBytes] as number;
      this.#sink.onFrame(type, chunk, position + headerBytes, frameEnd, false);
      position = frameEnd;
    }
    if (this.#stopped || position === end) return;
    if (this.#isHolding) this.#leave(chunk.subarray(position));
    else this.#keep(chunk, position);
  }

  #leave(chunk: Buffer): void {
    if (this.#stopped) return;
    this.#rest = Buffer.concat(this.#rest === undefined ? [chunk] : [this.#rest, chunk]);
  }

  #takePreamble(chunk: Buffer): number {
    const taken = Math.min(chunk.length, preamble.length - this.#preambleSeen);
    for (let index = 0; index < taken; index++) {
      const at = this.#preambleSeen + index;
      if (chunk[index] === preamble[at]) continue;
      this.stop();
      throw at === preamble.length - 1 ? otherVersion(chunk[index] as number) : notHoldfast(chunk);
    }
    this.#preambleSeen += taken;
    return taken;
  }

  /** Total bytes of the frame that starts at `position`, once its header is there. */
  #frameBytes(buffer: Buffer, position: number): number {
    const length = readUint32(buffer, position);
    if (length >= 1 && length + lengthBytes <= this.maxFrameBytes) return length + lengthBytes;
    this.stop();
    if (length === 0) {
      throw new HoldfastError('ERR_HOLDFAST_PROTOCOL', 'Frame has no type: its length is 0');
    }
    throw new HoldfastError(
      'ERR_HOLDFAST_FRAME_TOO_LARGE',
      `Peer sends a message of ${length + lengthBytes} bytes, more than maxFrameBytes (${this.maxFrameBytes})${strayText(buffer, position)}`,
    );
  }

  #keep(chunk: Buffer, position: number): void {
    const held = chunk.length - position;
    this.#wanted = held < headerBytes ? headerBytes : this.#frameBytes(chunk, position);
    this.#partial = Buffer.allocUnsafe(Math.max(held, Math.min(this.#wanted, firstReserveBytes)));
    this.#held = chunk.copy(this.#partial, 0, position);
  }

  /** Adds to the frame that has begun; returns the position behind what was used. */
  #continue(chunk: Buffer, position: number): number {
    let at = position;
    const inPlace = position === 0 && this.#isNext(chunk);
    while (!this.#stopped && this.#partial !== undefined) {
      const needed = Math.min(this.#wanted - this.#held, chunk.length - at);
      if (this.#held + needed > this.#partial.length) this.#grow(this.#held + needed);
      if (!inPlace) chunk.copy(this.#partial, this.#held, at, at + needed);
      this.#held += needed;
      at += needed;
      if (this.#held < this.#wanted) return at;
      if (this.#wanted === headerBytes) {
        this.#wanted = this.#frameBytes(this.#partial, 0);
        if (this.#wanted > headerBytes) continue;
      }
      const frame = this.#partial;
      const frameBytes = this.#wanted;
      this.#partial = undefined;
      this.#held = 0;
      const owned = frameBytes >= readIntoBytes;
      this.#sink.onFrame(frame[lengthBytes] as number, frame, headerBytes, frameBytes, owned);
    }
    return at;
  }

  /** True when the chunk was read to where {@link readInto} said. */
  #isNext(chunk: Buffer): boolean {
    const partial = this.#partial;
    return (
      partial !== undefined &&
      chunk.buffer === partial.buffer &&
      chunk.byteOffset === partial.byteOffset + this.#held
    );
  }

  /** Makes room for at least `leastBytes` of the frame. */
  #grow(leastBytes = 0): void {
    const partial = this.#partial as Buffer;
    const size = Math.min(
      this.#wanted,
      Math.max(firstReserveBytes, partial.length * 2, leastBytes),
    );
    const grown = Buffer.allocUnsafeSlow(size);
    partial.copy(grown, 0, 0, this.#held);
    this.#partial = grown;
  }
}

/** So much of what is no holdfast is shown. */
const shownBytes = 48;

function otherVersion(version: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_VERSION',
    `Peer speaks version ${version} of the holdfast protocol, this side speaks version ${protocolVersion}`,
    { final: true },
  );
}

/** Where the length of a message should be there is text: somebody prints into the stream. */
function strayText(buffer: Buffer, position: number): string {
  const first = buffer.toString('latin1', position, position + shownBytes);
  if (!/^[\t\n\r\x20-\x7e]{4}/.test(first)) return '';
  return `, or rather no message: it begins with ${JSON.stringify(first)}`;
}

function notHoldfast(chunk: Buffer): HoldfastError {
  const first = chunk.subarray(0, shownBytes);
  return new HoldfastError(
    'ERR_HOLDFAST_PROTOCOL',
    `Peer does not speak holdfast: it began with ${JSON.stringify(first.toString('latin1'))} (${first.toString('hex')})`,
    { final: true },
  );
}
