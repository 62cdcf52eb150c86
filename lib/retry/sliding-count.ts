/** Counts what happened in the last so many slots of time, the present one included. */
export class SlidingCount {
  readonly #slotMs: number;
  readonly #counts: number[];
  #total = 0;
  /** The slot that is counted in, and when it ends. */
  #slot = Number.NEGATIVE_INFINITY;
  #endsAt = Number.NEGATIVE_INFINITY;
  #index = 0;

  constructor(slots: number, slotMs: number) {
    this.#slotMs = slotMs;
    this.#counts = new Array(slots).fill(0);
  }

  add(now: number, count = 1): void {
    if (now >= this.#endsAt) this.#turn(now);
    (this.#counts[this.#index] as number) += count;
    this.#total += count;
  }

  total(now: number): number {
    if (now >= this.#endsAt) this.#turn(now);
    return this.#total;
  }

  /** Forgets the slots that are over; a time from before the present slot counts in that. */
  #turn(now: number): void {
    const slot = Math.floor(now / this.#slotMs);
    const counts = this.#counts;
    const passed = Math.min(slot - this.#slot, counts.length);
    for (let step = 0; step < passed; step++) {
      this.#index = (this.#index + 1) % counts.length;
      this.#total -= counts[this.#index] as number;
      counts[this.#index] = 0;
    }
    this.#slot = slot;
    this.#endsAt = (slot + 1) * this.#slotMs;
  }
}
