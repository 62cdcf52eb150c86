import { type HandOver, Ledger } from '../media/ledger.ts';
import type { Channel } from '../media/medium.ts';

/**
 * At most so many bytes are given to the operating system at a time: a long message's worth of 64 KiB
 * and a header before it, so that no few bytes are left for a write of their own.
 */
export const writeBytes: number = 64 * 1024 + 64;

/** As long as it takes everything at once there is room, and so many spare the cost of some writes. */
const mostWriteBytes = 4 * writeBytes;

/**
 * So much is worth a write although more is to come, so that the far end works meanwhile: the first of
 * a turn, and those behind it, for a write costs as much as ten calls.
 */
const earlyBytes = 4 * 1024;
const nextBytes = 16 * 1024;

/** Ranges that went out may lie in front of those that wait until they are this many and the majority. */
const maxPassed = 64;

/** Lists of up to so many ranges are kept for the next ones: to shrink and grow again costs more. */
const lastingRanges = 1_024;

const nothing = new Uint8Array(0);

/** Whose memory is used again when what was lent of it is through. */
export interface Lender {
  /** So many ranges of this memory are needed no more. */
  giveBack(buffer: Uint8Array, count: number): void;
}

/**
 * The output side of a link: messages wait here in order. Messages that are ready together leave
 * together, a long one in parts.
 *
 * Where it must be known what has left, one write is outstanding at a time, and the next goes out
 * from its callback: that is what lets the {@link Ledger} conclude anything. A server's answers need
 * no such proof, and leave while the handlers of the same turn go on, as long as the operating system
 * takes them at once.
 */
export class Outbox {
  readonly #channel: Channel;
  readonly #ledger = new Ledger();
  /** Called when a write is through and nothing is left to write. */
  readonly #onEmpty: () => void;
  /** Called when a write is through: it may push more, which leaves with what waits. */
  readonly #refill: () => void;
  /** Ranges of memory, as parallel lists; those from `#first` to before `#behind` wait. */
  #buffers: Uint8Array[] = [];
  #starts: number[] = [];
  #ends: number[] = [];
  #first = 0;
  #behind = 0;
  #end = 0;
  #written = 0;
  /** Where those writes end that are not through, oldest first: they get through in order. */
  readonly #outstanding: number[] = [];
  readonly #taken = (possibly: boolean): void => this.#onTaken(possibly);
  /** What the next write takes at most. */
  #portionBytes = writeBytes;
  /** Memory of which so many ranges are lent, since it was through last. */
  #lent: Uint8Array = nothing;
  #loans = 0;
  #lender: Lender | undefined;
  #closed = false;
  #isFinishing = false;
  readonly #isJudged: boolean;

  /** @param isJudged of what is sent it must be known whether it has left: {@link judge} */
  constructor(
    channel: Channel,
    isJudged: boolean,
    onEmpty: () => void,
    refill: () => void = () => {},
  ) {
    this.#channel = channel;
    this.#isJudged = isJudged;
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

  /** So many more fill the next write. */
  get roomBytes(): number {
    return this.#portionBytes - this.backlogBytes;
  }

  /** Bytes that are through; grows as the far end makes room. */
  get writtenBytes(): number {
    return this.#written;
  }

  /** True while a write is outstanding. */
  get writing(): boolean {
    return this.#ledger.submitted > this.#written;
  }

  /** Appends `[start, end)` of `buffer`. */
  push(buffer: Uint8Array, start: number, end: number): void {
    const last = this.#behind - 1;
    if (last >= this.#first && this.#buffers[last] === buffer && this.#ends[last] === start) {
      this.#ends[last] = end;
    } else {
      const next = this.#behind++;
      this.#buffers[next] = buffer;
      this.#starts[next] = start;
      this.#ends[next] = end;
    }
    this.#end += end - start;
  }

  /** Appends a whole buffer. */
  pushAll(buffer: Uint8Array): void {
    this.push(buffer, 0, buffer.byteLength);
  }

  /** Appends a range whose lender gets it back when the operating system has it. */
  pushLent(buffer: Uint8Array, start: number, end: number, lender: Lender): void {
    this.push(buffer, start, end);
    // Nobody waits for memory that is not lent from any more.
    if (this.#lent !== buffer) this.#loans = 0;
    this.#lent = buffer;
    this.#lender = lender;
    this.#loans++;
  }

  /** Writes what waits, unless a write is outstanding; then it goes on by itself. */
  flush(): void {
    while (this.#first < this.#behind && this.#mayWrite()) this.#write();
    this.#giveBack();
  }

  #giveBack(): void {
    if (this.#loans === 0 || this.#first < this.#behind || this.#channel.isThrough !== true) return;
    this.#lender?.giveBack(this.#lent, this.#loans);
    this.#loans = 0;
  }

  /** Writes what waits if it is much already; false when it had better wait for the turn's end. */
  flushEarly(): boolean {
    if (this.#end - this.#ledger.submitted < (this.writing ? nextBytes : earlyBytes)) return false;
    this.flush();
    return true;
  }

  #mayWrite(): boolean {
    if (this.writing && (this.#isJudged || this.#channel.isThrough !== true)) return false;
    // What is not given to a channel that is known to be dead stays untouched, provably.
    return !this.#closed && !this.#channel.dead;
  }

  #write(): void {
    const portionBytes = this.#portionBytes;
    const part = this.#take(portionBytes);
    const parts = [part];
    let room = portionBytes - part.byteLength;
    while (room > 0 && this.#first < this.#behind) {
      const next = this.#take(room);
      parts.push(next);
      room -= next.byteLength;
    }
    if (this.#first === this.#behind) this.#forget();
    this.#ledger.submit(portionBytes - room);
    this.#outstanding.push(this.#ledger.submitted);
    this.#channel.write(parts, this.#taken);
    if (this.#channel.isThrough !== true) this.#portionBytes = writeBytes;
    else if (room * 2 < portionBytes) {
      this.#portionBytes = Math.min(portionBytes * 2, mostWriteBytes);
    }
  }

  /** What goes next, of one range, so many bytes at most. */
  #take(most: number): Uint8Array {
    const buffer = this.#buffers[this.#first] as Uint8Array;
    const start = this.#starts[this.#first] as number;
    const end = this.#ends[this.#first] as number;
    const taken = Math.min(most, end - start);
    if (start + taken === end) this.#pass();
    else this.#starts[this.#first] = start + taken;
    return taken === buffer.byteLength ? buffer : buffer.subarray(start, start + taken);
  }

  /** Judges the message that occupies `[start, end)` of the stream. */
  judge(start: number, end: number): HandOver {
    return this.#ledger.judge(start, end);
  }

  /** Ends the channel in order, behind what waits. */
  finish(): void {
    this.#isFinishing = true;
    this.flush();
    if (!this.writing) this.#channel.close();
  }

  /** Nothing is written any more. */
  close(): void {
    this.#closed = true;
    this.#forget();
  }

  /** Lets go of the first range: an outbox that is never empty must not keep all that went through. */
  #pass(): void {
    this.#buffers[this.#first++] = nothing;
    if (this.#first < maxPassed || this.#first * 2 < this.#behind) return;
    this.#keep(this.#first, this.#behind);
  }

  #forget(): void {
    if (this.#behind > lastingRanges) {
      this.#keep(0, 0);
      return;
    }
    this.#buffers.fill(nothing, this.#first, this.#behind);
    this.#first = 0;
    this.#behind = 0;
  }

  #keep(first: number, behind: number): void {
    this.#buffers = this.#buffers.slice(first, behind);
    this.#starts = this.#starts.slice(first, behind);
    this.#ends = this.#ends.slice(first, behind);
    this.#first = 0;
    this.#behind = behind - first;
  }

  #onTaken(possibly: boolean): void {
    const upTo = this.#outstanding.shift() as number;
    if (!possibly) {
      // The channel closes next; the ledger must know before the calls are judged.
      this.#ledger.fail();
      this.#closed = true;
      return;
    }
    this.#written = upTo;
    if (this.#closed) return;
    this.#giveBack();
    this.#refill();
    if (this.#first < this.#behind) {
      this.flush();
    } else if (!this.writing) {
      if (this.#isFinishing) this.#channel.close();
      else this.#onEmpty();
    }
  }
}
