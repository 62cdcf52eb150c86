import type { Runner } from './world.ts';

/** Something that happens at a time. Without a callback it was cancelled. */
export interface Entry {
  at: number;
  readonly phase: number;
  readonly sequence: number;
  callback: (() => void) | undefined;
  readonly runner: Runner | undefined;
}

/** What happens next is on top. */
export class Heap {
  readonly #entries: Entry[] = [];

  peek(): Entry | undefined {
    return this.#entries[0];
  }

  push(entry: Entry): void {
    const entries = this.#entries;
    let index = entries.length;
    entries.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = entries[parent] as Entry;
      if (!isBefore(entry, above)) break;
      entries[index] = above;
      index = parent;
    }
    entries[index] = entry;
  }

  pop(): void {
    const entries = this.#entries;
    const last = entries.pop();
    if (last === undefined || entries.length === 0) return;
    const size = entries.length;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= size) break;
      if (child + 1 < size && isBefore(entries[child + 1] as Entry, entries[child] as Entry)) {
        child++;
      }
      const below = entries[child] as Entry;
      if (!isBefore(below, last)) break;
      entries[index] = below;
      index = child;
    }
    entries[index] = last;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  if (one.at !== other.at) return one.at < other.at;
  if (one.phase !== other.phase) return one.phase < other.phase;
  return one.sequence < other.sequence;
}
