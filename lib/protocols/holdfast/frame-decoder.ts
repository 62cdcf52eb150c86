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

/**
 * Frames from here to there, as the items of a stream are, come in rows: so many share memory, and are
 * read there one behind the other. Nothing is copied then, and there is less to collect. Whoever
 * keeps one of them keeps the memory of all.
 */
const leastInRow = 32 * 1024;
const mostInRow = 80 * 1024;
const framesInRow = 4;

/** Whoever keeps bytes of a message keeps at most so many times as much memory. */
const mostKept = 8;

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
  /** Where the frame is put together that has begun, or the next one of a row will be. */
  #memory: Buffer | undefined;
  /** Where in it that frame begins, how many of its bytes are there, and how many there will be. */
  #start = 0;
  #held = 0;
  #wanted = 0;
  /** Memory for the row that seems to have begun, or to go on. */
  #rowBytes = 0;
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
    this.#memory = undefined;
    this.#held = 0;
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

  /** Where the next bytes should be read into, if a long frame waits for them, or a row goes on. */
  readInto(): Buffer | undefined {
    if (this.#held > 0) {
      // What fills a row is read there, be it little: behind it the next row is read, and not copied.
      if (this.#wanted - this.#held < readIntoBytes && !isInRow(this.#wanted)) return undefined;
      this.#makeRoom(Math.min(this.#wanted, this.#held + readIntoBytes));
    } else if (this.#memory === undefined && this.#rowBytes > 0) {
      this.#memory = Buffer.allocUnsafeSlow(this.#rowBytes);
      this.#start = 0;
    }
    return this.#memory?.subarray(this.#start + this.#held);
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
    const at = position === 0 ? this.#placeOf(chunk) : undefined;
    const memory = at === undefined ? undefined : this.#memory;
    this.#rowBytes = 0;
    if (this.#held > 0) position = this.#continue(chunk, position, at !== undefined);
    const end = chunk.length;
    while (!this.#stopped && !this.#isHolding && end - position >= headerBytes) {
      const frameEnd = position + this.#frameBytes(chunk, position);
      if (frameEnd > end) break;
      this.#give(chunk, position, frameEnd, memory);
      position = frameEnd;
    }
    if (this.#stopped || this.#held > 0) return;
    if (!this.#isHolding) {
      this.#keep(chunk, position, at);
      return;
    }
    this.#memory = undefined;
    this.#leave(chunk.subarray(position));
  }

  /** Gives out a whole frame, which is in `memory` that is not used again, if in any. */
  #give(buffer: Buffer, start: number, end: number, memory: Buffer | undefined): void {
    const frameBytes = end - start;
    if (isInRow(frameBytes)) this.#rowBytes = frameBytes * framesInRow;
    // Who keeps a value should not keep much more with it.
    const owned =
      frameBytes >= readIntoBytes && frameBytes * mostKept >= (memory?.length ?? Infinity);
    const type = buffer[start + lengthBytes] as number;
    this.#sink.onFrame(type, buffer, start + headerBytes, end, owned);
  }

  #leave(chunk: Buffer): void {
    if (this.#stopped || chunk.length === 0) return;
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

  /** Keeps what is left of a chunk; `at` is where that is in the memory at hand, if it is there. */
  #keep(chunk: Buffer, position: number, at: number | undefined): void {
    const held = chunk.length - position;
    if (at !== undefined) this.#start = at + position;
    if (held === 0) {
      this.#goOn();
      return;
    }
    this.#wanted = held < headerBytes ? headerBytes : this.#frameBytes(chunk, position);
    if (at !== undefined) this.#held = held;
    this.#makeRoom(Math.max(held, Math.min(this.#wanted, firstReserveBytes)));
    if (at === undefined) this.#held = chunk.copy(this.#memory as Buffer, this.#start, position);
  }

  /** Between two frames: memory is kept only for a row that goes on. */
  #goOn(): void {
    const memory = this.#memory;
    if (memory === undefined) return;
    const isUsedUp = memory.length - this.#start < readIntoBytes;
    if (this.#rowBytes === 0 || isUsedUp) this.#memory = undefined;
  }

  /** Adds to the frame that has begun; returns the position behind what was used. */
  #continue(chunk: Buffer, position: number, isInPlace: boolean): number {
    let at = position;
    while (this.#held > 0) {
      const needed = Math.min(this.#wanted - this.#held, chunk.length - at);
      if (!isInPlace) {
        this.#makeRoom(this.#held + needed);
        chunk.copy(this.#memory as Buffer, this.#start + this.#held, at, at + needed);
      }
      this.#held += needed;
      at += needed;
      if (this.#held < this.#wanted) return at;
      const memory = this.#memory as Buffer;
      const start = this.#start;
      if (this.#wanted === headerBytes) {
        this.#wanted = this.#frameBytes(memory, start);
        this.#makeRoom(Math.min(this.#wanted, firstReserveBytes));
        if (this.#wanted > headerBytes) continue;
      }
      this.#start += this.#wanted;
      this.#held = 0;
      this.#give(memory, start, this.#start, memory);
    }
    return at;
  }

  /** Where the chunk is in the memory at hand, when it was read to where {@link readInto} said. */
  #placeOf(chunk: Buffer): number | undefined {
    const memory = this.#memory;
    if (memory === undefined || chunk.buffer !== memory.buffer) return undefined;
    const at = this.#start + this.#held;
    return chunk.byteOffset === memory.byteOffset + at ? at : undefined;
  }

  /** Makes room for so many bytes of the frame that has begun; what is there of it comes along. */
  #makeRoom(bytes: number): void {
    const memory = this.#memory;
    if (memory !== undefined && this.#start + bytes <= memory.length) return;
    const wanted = this.#wanted;
    const most = Math.min(wanted, Math.max(bytes, this.#held * 2));
    this.#memory = Buffer.allocUnsafe(
      isInRow(wanted) ? wanted * framesInRow : Math.max(bytes, most),
    );
    memory?.copy(this.#memory, 0, this.#start, this.#start + this.#held);
    this.#start = 0;
  }
}

function isInRow(frameBytes: number): boolean {
  return frameBytes >= leastInRow && frameBytes <= mostInRow;
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
