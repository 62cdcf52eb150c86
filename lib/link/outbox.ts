import { type HandOver, Ledger } from '../media/ledger.ts';
import type { Channel } from '../media/medium.ts';

/**
 * At most so many bytes are given to the operating system at a time: a long message's worth of 64 KiB
 * and a header before it, so that no few bytes are left for a write of their own.
 */
export const writeBytes: number = 64 * 1024 + 64;

/** Ranges that went out may lie in front of those that wait until they are this many and the majority. */
const maxPassed = 64;

const nothing = new Uint8Array(0);

/**
 * The output side of a link: messages wait here in order, and one write is outstanding at a time.
 * Messages that are ready together leave together; a long one leaves in parts, each after the
 * callback of the one before. That is what lets the {@link Ledger} conclude anything.
 */
export class Outbox {
  readonly #channel: Channel;
  readonly #ledger = new Ledger();
  /** Called when a write is through and nothing is left to write. */
  readonly #onEmpty: () => void;
  /** Called when a write is through: it may push more, which leaves with what waits. */
  readonly #refill: () => void;
  /** Ranges of memory that wait, as parallel lists; `#first` is the next to go. */
  #buffers: Uint8Array[] = [];
  #starts: number[] = [];
  #ends: number[] = [];
  #first = 0;
  #end = 0;
  #written = 0;
  #writing = false;
  #closed = false;
  #isFinishing = false;
  readonly #parts: Uint8Array[] = [];
  readonly #taken = (possibly: boolean): void => this.#onTaken(possibly);

  constructor(channel: Channel, onEmpty: () => void, refill: () => void = () => {}) {
    this.#channel = channel;
    this.#onEmpty = onEmpty;
    this.#refill = refill;
  }

  /** Stream offset behind everything that was pushed. */
  get end(): number {
    return this.#end;
  }

  /** Bytes that were pushed and are not through. */
  get backlogBytes(): number {
    return this.#end - this.#written;
  }

  /** Bytes that are through; grows as the far end makes room. */
  get writtenBytes(): number {
    return this.#written;
  }

  /** True while a write is outstanding. */
  get writing(): boolean {
    return this.#writing;
  }

  /** Appends `[start, end)` of `buffer`. */
  push(buffer: Uint8Array, start: number, end: number): void {
    const last = this.#buffers.length - 1;
    if (last >= this.#first && this.#buffers[last] === buffer && this.#ends[last] === start) {
      this.#ends[last] = end;
    } else {
      this.#buffers.push(buffer);
      this.#starts.push(start);
      this.#ends.push(end);
    }
    this.#end += end - start;
  }

  /** Appends a whole buffer. */
  pushAll(buffer: Uint8Array): void {
    this.push(buffer, 0, buffer.byteLength);
  }

  /** Writes what waits, unless a write is outstanding; then it goes on by itself. */
  flush(): void {
    if (this.#writing || this.#closed || this.#first === this.#buffers.length) return;
    // What is not given to a channel that is known to be dead stays untouched, provably.
    if (this.#channel.dead) return;
    const parts = this.#parts;
    parts.length = 0;
    let room = writeBytes;
    while (room > 0 && this.#first < this.#buffers.length) {
      const buffer = this.#buffers[this.#first] as Uint8Array;
      const start = this.#starts[this.#first] as number;
      const end = this.#ends[this.#first] as number;
      const taken = Math.min(room, end - start);
      parts.push(buffer.subarray(start, start + taken));
      room -= taken;
      if (start + taken === end) this.#pass();
      else this.#starts[this.#first] = start + taken;
    }
    if (this.#first === this.#buffers.length) this.#forget();
    this.#writing = true;
    this.#ledger.submit(writeBytes - room);
    this.#channel.write(parts, this.#taken);
  }

  /** Judges the message that occupies `[start, end)` of the stream. */
  judge(start: number, end: number): HandOver {
    return this.#ledger.judge(start, end);
  }

  /** Ends the channel in order, behind what waits. */
  finish(): void {
    this.#isFinishing = true;
    this.flush();
    if (!this.#writing) this.#channel.close();
  }

  /** Nothing is written any more. */
  close(): void {
    this.#closed = true;
    this.#forget();
  }

  /** Lets go of the first range: an outbox that is never empty must not keep all that went through. */
  #pass(): void {
    this.#buffers[this.#first++] = nothing;
    if (this.#first < maxPassed || this.#first * 2 < this.#buffers.length) return;
    this.#buffers.splice(0, this.#first);
    this.#starts.splice(0, this.#first);
    this.#ends.splice(0, this.#first);
    this.#first = 0;
  }

  #forget(): void {
    this.#buffers.length = 0;
    this.#starts.length = 0;
    this.#ends.length = 0;
    this.#first = 0;
  }

  #onTaken(possibly: boolean): void {
    if (!possibly) {
      // The channel closes next; the ledger must know before the calls are judged.
      this.#ledger.fail();
      return;
    }
    this.#writing = false;
    this.#written = this.#ledger.submitted;
    if (this.#closed) return;
    this.#refill();
    if (this.#first < this.#buffers.length) this.flush();
    else if (this.#isFinishing) this.#channel.close();
    else this.#onEmpty();
  }
}
