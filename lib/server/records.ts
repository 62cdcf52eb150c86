/** A frame as the writer left it. */
export interface RecordedFrame {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  /** Follows `[start, end)`. */
  readonly body: Uint8Array | undefined;
}

/** What bounds the records of all sessions together. */
export class RecordBudget {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of answers that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param isSpare half of the whole is left to others */
  take(bytes: number, isSpare = false): boolean {
    const maxBytes = isSpare ? this.#maxBytes / 2 : this.#maxBytes;
    if (this.#bytes + bytes > maxBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }
}

const firstCapacity = 16;

/** Most answers that one session keeps; beyond, the oldest are forgotten. */
const maxCapacity = 65_536;

/** Tables of up to so many slots are every session's due; what a larger one takes is counted. */
const freeCapacity = 64;
const slotBytes = 48;

/** A table of more slots is given back as soon as it is empty. */
const lastingCapacity = 1_024;

/**
 * The answers of one session that its client has not acknowledged, by the calls' numbers. A number's
 * slot is the number modulo the table's size, as at the client. What is forgotten never looks new:
 * a number is `never` only when it is certain that it was not executed.
 *
 * The frames stay in the slabs that they were written into, so that keeping one costs no copy.
 */
export class Records {
  readonly #budget: RecordBudget;
  /** One less than the size; the size is a power of two, 1 as long as there is nothing to keep. */
  #mask = 0;
  /** Parallel lists; a slot whose number is 0 is free, one without a buffer is forgotten. */
  #numbers: number[] = [0];
  #buffers: (Buffer | undefined)[] = [undefined];
  #starts: number[] = [0];
  #ends: number[] = [0];
  #bodies: (Uint8Array | undefined)[] = [undefined];
  #size = 0;
  /** The client has settled all below this. */
  #acknowledged = 0;
  /** Up to here numbers may be forgotten without a trace. */
  #forgottenUpTo = 0;

  constructor(budget: RecordBudget) {
    this.#budget = budget;
  }

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  /** What the table itself takes of the budget, beside the answers in it. */
  get tableBytes(): number {
    return countedBytes(this.#mask + 1);
  }

  /**
   * Keeps an answer; when there is no room for it, it is noted as forgotten.
   *
   * @param isSpare the room that others need goes before
   */
  keep(number: number, frame: RecordedFrame, isSpare = false): void {
    const slot = this.#slotFor(number);
    if (slot < 0) return;
    if (!this.#budget.take(bytesOf(frame), isSpare)) return;
    this.#buffers[slot] = frame.buffer;
    this.#starts[slot] = frame.start;
    this.#ends[slot] = frame.end;
    this.#bodies[slot] = frame.body === undefined ? undefined : lean(frame.body);
  }

  /** The call ran, at least in part, and there is no answer to keep. */
  forget(number: number): void {
    this.#slotFor(number);
  }

  /** Calls up to here may have run without a trace: nothing is known of them. */
  forgetUpTo(number: number): void {
    this.#forgottenUpTo = Math.max(this.#forgottenUpTo, number);
  }

  /** What is known of a call that does not run at the moment. */
  fateOf(number: number): 'never' | 'done' | 'forgotten' {
    const slot = number & this.#mask;
    if (this.#numbers[slot] === number) {
      return this.#buffers[slot] === undefined ? 'forgotten' : 'done';
    }
    return number < this.#acknowledged || number <= this.#forgottenUpTo ? 'forgotten' : 'never';
  }

  /** The answer to a call whose fate is `done`. */
  frameOf(number: number): RecordedFrame {
    const slot = number & this.#mask;
    return {
      buffer: this.#buffers[slot] as Buffer,
      start: this.#starts[slot] as number,
      end: this.#ends[slot] as number,
      body: this.#bodies[slot],
    };
  }

  /** The client has settled all calls below `number` and does not ask for them again. */
  acknowledge(number: number): void {
    const first = this.#acknowledged;
    if (number <= first) return;
    this.#acknowledged = number;
    if (this.#size === 0) return;
    if (number - first > this.#mask) {
      for (let slot = 0; slot <= this.#mask; slot++) {
        if ((this.#numbers[slot] as number) < number) this.#release(slot);
      }
    } else {
      for (let settled = first; settled < number; settled++) {
        const slot = settled & this.#mask;
        if (this.#numbers[slot] === settled) this.#release(slot);
      }
    }
    if (this.#size === 0 && this.#mask >= lastingCapacity) this.#reset();
  }

  /** The client has settled a call while others before it go on: its answer is not asked for. */
  settle(number: number): void {
    const slot = number & this.#mask;
    const buffer = this.#buffers[slot];
    if (this.#numbers[slot] !== number || buffer === undefined) return;
    this.#budget.giveBack(bytesOf(this.#at(slot, buffer)));
    this.#buffers[slot] = undefined;
    this.#bodies[slot] = undefined;
  }

  /** Everything that is known, for another server. */
  export(): {
    readonly acknowledged: number;
    readonly forgottenUpTo: number;
    readonly forgotten: number[];
    readonly done: number[];
    readonly frames: Uint8Array[];
  } {
    const acknowledged = this.#acknowledged;
    const forgottenUpTo = this.#forgottenUpTo;
    const [forgotten, done, frames]: [number[], number[], Uint8Array[]] = [[], [], []];
    for (const number of this.#numbers) {
      if (number === 0) continue;
      if (this.fateOf(number) === 'forgotten') {
        forgotten.push(number);
        continue;
      }
      done.push(number);
      frames.push(wholeFrame(this.frameOf(number)));
    }
    return { acknowledged, forgottenUpTo, forgotten, done, frames };
  }

  /** The session is over. */
  clear(): void {
    for (let slot = 0; slot <= this.#mask; slot++) this.#release(slot);
    this.#reset();
  }

  /** Takes the number's slot for it; -1 when the number was acknowledged meanwhile. */
  #slotFor(number: number): number {
    if (number < this.#acknowledged) return -1;
    for (;;) {
      const slot = number & this.#mask;
      const holder = this.#numbers[slot] as number;
      if (holder !== 0 && holder !== number) {
        if (this.#mayGrow()) {
          this.#grow();
          continue;
        }
        this.#forgottenUpTo = Math.max(this.#forgottenUpTo, Math.min(holder, number));
        if (holder > number) return -1;
      }
      this.#release(slot);
      this.#numbers[slot] = number;
      this.#size++;
      return slot;
    }
  }

  #release(slot: number): void {
    if (this.#numbers[slot] === 0) return;
    const buffer = this.#buffers[slot];
    if (buffer !== undefined) this.#budget.giveBack(bytesOf(this.#at(slot, buffer)));
    this.#numbers[slot] = 0;
    this.#buffers[slot] = undefined;
    this.#bodies[slot] = undefined;
    this.#size--;
  }

  #at(slot: number, buffer: Buffer): RecordedFrame {
    const start = this.#starts[slot] as number;
    return { buffer, start, end: this.#ends[slot] as number, body: this.#bodies[slot] };
  }

  /** Takes from the budget what the next size of the table needs. */
  #mayGrow(): boolean {
    const capacity = this.#mask + 1;
    if (capacity >= maxCapacity) return false;
    return this.#budget.take(countedBytes(capacity * 2) - this.tableBytes);
  }

  #reset(): void {
    this.#budget.giveBack(this.tableBytes);
    this.#mask = 0;
    this.#numbers = [0];
    this.#buffers = [undefined];
    this.#starts = [0];
    this.#ends = [0];
    this.#bodies = [undefined];
  }

  #grow(): void {
    const capacity = Math.max(firstCapacity, (this.#mask + 1) * 2);
    const [numbers, buffers, starts, ends, bodies] = [
      this.#numbers,
      this.#buffers,
      this.#starts,
      this.#ends,
      this.#bodies,
    ];
    this.#mask = capacity - 1;
    this.#numbers = new Array(capacity).fill(0);
    this.#buffers = new Array(capacity).fill(undefined);
    this.#starts = new Array(capacity).fill(0);
    this.#ends = new Array(capacity).fill(0);
    this.#bodies = new Array(capacity).fill(undefined);
    // Numbers that differ modulo the old size differ modulo the new one.
    for (const [old, number] of numbers.entries()) {
      if (number === 0) continue;
      const slot = number & this.#mask;
      this.#numbers[slot] = number;
      this.#buffers[slot] = buffers[old];
      this.#starts[slot] = starts[old] as number;
      this.#ends[slot] = ends[old] as number;
      this.#bodies[slot] = bodies[old];
    }
  }
}

/** The bytes without the memory around them, if that is much: a record must not hold on to it. */
function lean(body: Uint8Array): Uint8Array {
  return body.buffer.byteLength > 2 * body.byteLength ? new Uint8Array(body) : body;
}

/** A frame in memory of its own. */
export function wholeFrame({ buffer, start, end, body }: RecordedFrame): Buffer {
  const head = buffer.subarray(start, end);
  return body === undefined ? Buffer.from(head) : Buffer.concat([head, body]);
}

/** A frame that is a buffer of its own. */
export function frameOf(buffer: Buffer): RecordedFrame {
  return { buffer, start: 0, end: buffer.length, body: undefined };
}

function countedBytes(capacity: number): number {
  return capacity > freeCapacity ? capacity * slotBytes : 0;
}

function bytesOf({ start, end, body }: RecordedFrame): number {
  return end - start + (body === undefined ? 0 : body.byteLength);
}
