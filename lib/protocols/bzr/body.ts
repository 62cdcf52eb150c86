/** A part of so many bytes is kept as it came; so are the first few, however short. */
const longBytes = 4 * 1024;
const maxShort = 16;

/** Memory that short parts share. */
const blockBytes = 16 * 1024;

const nothing = Buffer.alloc(0);

/**
 * The body of an answer, as it comes. Short parts share memory: each by itself would take many times
 * its bytes, and a server may send millions of them.
 */
export class Body {
  readonly chunks: Buffer[] = [];
  #block = nothing;
  /** Where the last chunk begins in the block, and ends. */
  #start = 0;
  #end = 0;

  /** The part's memory is the body's from now on. */
  add(part: Buffer): void {
    if (part.length === 0) return;
    if (part.length >= longBytes || this.chunks.length < maxShort) {
      this.chunks.push(part);
      this.#start = this.#end;
      return;
    }
    if (this.#end + part.length > this.#block.length) {
      this.#block = Buffer.allocUnsafeSlow(blockBytes);
      this.#start = 0;
      this.#end = 0;
    }
    if (this.#end > this.#start) this.chunks.pop();
    part.copy(this.#block, this.#end);
    this.#end += part.length;
    this.chunks.push(this.#block.subarray(this.#start, this.#end));
  }
}
