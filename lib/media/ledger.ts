/** What the ledger says of one interval of the output stream. */
export type HandOver = 'untouched' | 'incomplete' | 'handed-over';

/**
 * Which bytes of a channel's output stream are certainly not, or possibly, out of our hands.
 *
 * It relies on one rule: one write is outstanding at a time. Then an error of that write proves that
 * the operating system did not take *all* of it, so the message that ends with it is incomplete;
 * messages before it in the same write may have been taken whole although the write failed. A write
 * that reports no error proves nothing (Node 20 reports none for writes that it cancels itself).
 */
export class Ledger {
  #submitted = 0;
  #failed = false;

  /** Stream offset up to which bytes were given to the operating system. */
  get submitted(): number {
    return this.#submitted;
  }

  /** A write of so many bytes begins. */
  submit(byteLength: number): void {
    this.#submitted += byteLength;
  }

  /** The outstanding write failed: not all of its bytes were taken. */
  fail(): void {
    this.#failed = true;
  }

  /** Judges the message that occupies `[start, end)` of the stream. */
  judge(start: number, end: number): HandOver {
    if (start >= this.#submitted) return 'untouched';
    if (end > this.#submitted) return 'incomplete';
    if (this.#failed && end === this.#submitted) return 'incomplete';
    return 'handed-over';
  }
}
