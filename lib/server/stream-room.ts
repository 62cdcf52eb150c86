import { acknowledgeBytes } from '../streams/stream-receiver.ts';

/** Who waits until there is room again. */
export interface Starved {
  pull(): void;
}

/** At the worst the items of a session take so many times as much as they may. */
const worstFactor = 16;

/**
 * What the items may take that a session keeps until its client has them, over all its streams. When
 * it is taken, each stream may still keep as much as its client need not have acknowledged yet, so that
 * all get on; so there are only so many streams.
 */
export class StreamRoom {
  readonly #maxBytes: number;
  readonly #starved = new Set<Starved>();
  readonly #streams = new Set<object>();
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

  /** True when another stream could make it too much. */
  get isCrowded(): boolean {
    return (this.#streams.size + 1) * acknowledgeBytes > worstFactor * this.#maxBytes;
  }

  /** The stream may keep items from now on, until it leaves. */
  join(stream: object): void {
    this.#streams.add(stream);
  }

  leave(stream: object): void {
    this.#streams.delete(stream);
  }

  /** Called back, once, when there is room. */
  await(starved: Starved): void {
    this.#starved.add(starved);
  }

  forget(starved: Starved): void {
    this.#starved.delete(starved);
  }
}
