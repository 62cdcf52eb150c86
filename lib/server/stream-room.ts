/** Who waits until there is room again. */
export interface Starved {
  pull(): void;
}

/**
 * What the items may take that a session keeps until its client has them, over all its streams. When
 * it is taken, each stream may still keep a little, so that all get on.
 */
export class StreamRoom {
  readonly #maxBytes: number;
  readonly #starved = new Set<Starved>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** What is kept. */
  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#maxBytes;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
    for (const starved of this.#starved) {
      if (this.isFull) return;
      this.#starved.delete(starved);
      starved.pull();
    }
  }

  /** Called back, once, when there is room. */
  await(starved: Starved): void {
    this.#starved.add(starved);
  }

  forget(starved: Starved): void {
    this.#starved.delete(starved);
  }
}
