/**
 * Called for each whole frame: the bytes of `memory` from `start` (the id) to `end`. `isOwn` says
 * that the memory belongs to this frame; otherwise it is used again once the function returns.
 */
export type OnFrame = (memory: Buffer, start: number, end: number, isOwn: boolean) => void;

const lengthBytes = 4;
const scratchBytes = 8 * 1024;

/**
 * Cuts a byte stream into frames, in place. Only a frame that is split between two chunks is
 * copied: a short one to a scratch buffer, a long one to memory of its own, into which the socket
 * may then read the rest directly.
 */
export class FrameReader {
  readonly #onFrame: OnFrame;
  readonly #scratch: Buffer = Buffer.allocUnsafeSlow(scratchBytes);
  #split: Buffer = this.#scratch;
  #filled = 0;
  /** Length of the split frame with its length field; 0 as long as that is not known. */
  #wanted = 0;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** Memory for the rest of a long unfinished frame, when it is worth a read of its own. */
  spare(): Buffer | undefined {
    if (this.#wanted - this.#filled < scratchBytes) return undefined;
    return this.#split.subarray(this.#filled);
  }

  /** To be called when `count` bytes were read into what {@link spare} gave. */
  spareFilled(count: number): void {
    this.#filled += count;
    if (this.#filled === this.#wanted) this.#finishSplit();
  }

  /** Reads the first `end` bytes of `chunk`. */
  push(chunk: Buffer, end: number): void {
    let at = this.#filled === 0 ? 0 : this.#resume(chunk, end);
    while (end - at >= lengthBytes) {
      const next = at + lengthBytes + readInt32(chunk, at);
      if (next > end) break;
      this.#onFrame(chunk, at + lengthBytes, next, false);
      at = next;
    }
    if (at < end) this.#keep(chunk, at, end);
  }

  /** Goes on with the split frame; returns where the next frame starts. */
  #resume(chunk: Buffer, end: number): number {
    let at = 0;
    if (this.#wanted === 0) {
      at = this.#fill(chunk, 0, end, lengthBytes);
      if (this.#filled < lengthBytes) return at;
      this.#learnLength();
    }
    at = this.#fill(chunk, at, end, this.#wanted);
    if (this.#filled === this.#wanted) this.#finishSplit();
    return at;
  }

  #keep(chunk: Buffer, from: number, end: number): void {
    const at = this.#fill(chunk, from, end, lengthBytes);
    if (this.#filled < lengthBytes) return;
    this.#learnLength();
    this.#fill(chunk, at, end, this.#wanted);
  }

  #learnLength(): void {
    this.#wanted = lengthBytes + readInt32(this.#split, 0);
    if (this.#wanted <= scratchBytes) return;
    this.#split = Buffer.allocUnsafeSlow(this.#wanted);
    this.#scratch.copy(this.#split, 0, 0, lengthBytes);
  }

  #fill(chunk: Buffer, from: number, end: number, upTo: number): number {
    const next = Math.min(end, from + upTo - this.#filled);
    this.#filled += chunk.copy(this.#split, this.#filled, from, next);
    return next;
  }

  #finishSplit(): void {
    const memory = this.#split;
    const end = this.#wanted;
    this.#split = this.#scratch;
    this.#filled = 0;
    this.#wanted = 0;
    this.#onFrame(memory, lengthBytes, end, memory !== this.#scratch);
  }
}

/** Reads 32 bits at `at`; lengths and ids stay below 2^31. */
export function readInt32(memory: Buffer, at: number): number {
  return (memory[at]! << 24) | (memory[at + 1]! << 16) | (memory[at + 2]! << 8) | memory[at + 3]!;
}
