/** Something that waits, and for whom. */
export interface Waiting {
  readonly party: object;
}

/**
 * What waits for its turn, of several parties: one of each after the other, and those of one party in
 * the order in which they came, so that nobody waits for all that another one has asked for (J. Nagle,
 * "On Packet Switches with Infinite Storage", RFC 970).
 */
export class Turns<Item extends Waiting> {
  /** The party whose turn is next comes first. */
  readonly #lines = new Map<object, Set<Item>>();
  #size = 0;

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  add(item: Item): void {
    const line = this.#lines.get(item.party);
    if (line === undefined) this.#lines.set(item.party, new Set([item]));
    else line.add(item);
    this.#size++;
  }

  delete(item: Item): void {
    const line = this.#lines.get(item.party);
    if (line?.delete(item) !== true) return;
    if (line.size === 0) this.#lines.delete(item.party);
    this.#size--;
  }

  /** Takes the next one out. */
  take(): Item | undefined {
    for (const [party, line] of this.#lines) {
      for (const item of line) {
        this.delete(item);
        // The party goes behind the others.
        if (this.#lines.delete(party)) this.#lines.set(party, line);
        return item;
      }
    }
    return undefined;
  }

  /** How many come before another one of this party, at the most. */
  ahead(party: object): number {
    const own = this.#lines.get(party)?.size ?? 0;
    const others = this.#lines.size - (own > 0 ? 1 : 0);
    return Math.min(this.#size, own + (own + 1) * others);
  }

  /** When no more than so many may wait: true if another one of this party belongs to its share. */
  hasShare(party: object, most: number): boolean {
    const own = this.#lines.get(party)?.size ?? 0;
    const parties = this.#lines.size + (own > 0 ? 0 : 1);
    return (own + 1) * parties <= most;
  }

  /** The newest one of the party that has the most. */
  newestOfLongest(): Item | undefined {
    let longest: Set<Item> = new Set();
    for (const line of this.#lines.values()) if (line.size > longest.size) longest = line;
    return [...longest].at(-1);
  }

  /** All that wait. */
  all(): Item[] {
    return [...this.#lines.values()].flatMap((line) => [...line]);
  }
}
