import { Unpackr } from 'msgpackr';
import type { FloorChannel } from './channel.ts';
import { FrameBatch } from './frame-batch.ts';
import { FrameReader, readInt32 } from './frame-reader.ts';

const slotBits = 20;
const slotMask = (1 << slotBits) - 1;
/** Keeps ids in the range of V8's small integers. */
const idMask = 0x7fffffff;

type Settle = (value: unknown) => void;

/** Bytes out of the reused buffer must be copied, bytes out of a frame's own memory need not. */
const copying = new Unpackr({ useRecords: false, copyBuffers: true });
const inPlace = new Unpackr({ useRecords: false });
/** One object for all frames; msgpackr reads it before it returns. */
const range = { start: 0, end: 0 };

/** The client of the floor: no deadlines, limits or cancellation, and nothing in the way. */
export class FloorClient {
  readonly #channel: FloorChannel;
  readonly #batch: FrameBatch;
  readonly #reader = new FrameReader((memory, start, end, isOwn) =>
    this.#onReply(memory, start, end, isOwn),
  );
  readonly #flush = (): void => {
    this.#isFlushing = false;
    this.#batch.flush();
  };
  #isFlushing = false;
  #isClosed = false;
  // Pending calls by slot. An id is the slot's generation and the slot, so that a late or doubled
  // reply misses.
  readonly #ids: number[] = [];
  readonly #resolves: (Settle | undefined)[] = [];
  readonly #rejects: (Settle | undefined)[] = [];
  readonly #free: number[] = [];

  /** Owns the channel. */
  constructor(channel: FloorChannel) {
    this.#channel = channel;
    this.#batch = new FrameBatch(channel.writable);
    channel.start(this.#reader, (error) => this.#fail(error));
  }

  /** Makes one call; `verb` is the verb's number at the server. */
  call(verb: number, argument: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => this.#send(verb, argument, resolve, reject));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#batch.flush();
    await this.#channel.close();
  }

  #send(verb: number, argument: unknown, resolve: Settle, reject: Settle): void {
    if (this.#isClosed) {
      reject(new Error('Connection closed'));
      return;
    }
    let slot = this.#free.pop();
    if (slot === undefined) {
      slot = this.#ids.length;
      this.#ids.push(slot);
      this.#resolves.push(undefined);
      this.#rejects.push(undefined);
    }
    this.#resolves[slot] = resolve;
    this.#rejects[slot] = reject;
    this.#batch.add(this.#ids[slot]!, verb, argument);
    if (!this.#isFlushing) {
      this.#isFlushing = true;
      // Runs after the microtasks, that is after all calls that a chunk of replies wakes.
      process.nextTick(this.#flush);
    }
  }

  #onReply(memory: Buffer, start: number, end: number, isOwn: boolean): void {
    const id = readInt32(memory, start);
    const slot = id & slotMask;
    const resolve = this.#resolves[slot];
    if (resolve === undefined || this.#ids[slot] !== id) {
      this.#channel.readable.destroy(new Error(`Reply to no call: ${id}`));
      return;
    }
    const reject = this.#rejects[slot]!;
    this.#resolves[slot] = undefined;
    this.#rejects[slot] = undefined;
    this.#ids[slot] = (id + slotMask + 1) & idMask;
    this.#free.push(slot);
    range.start = start + 5;
    range.end = end;
    const value: unknown = (isOwn ? inPlace : copying).unpack(memory, range);
    if (memory[start + 4] === 0) resolve(value);
    else reject(new Error(String(value)));
  }

  #fail(error: Error): void {
    this.#isClosed = true;
    for (const [slot, reject] of this.#rejects.entries()) {
      this.#resolves[slot] = undefined;
      this.#rejects[slot] = undefined;
      reject?.(error);
    }
  }
}
