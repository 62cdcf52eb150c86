import { seededRandom } from '../../lib/testing/index.ts';

/** Chance that is the same for the same seed, in streams that do not disturb one another. */
export class Random {
  readonly next: () => number;
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
    this.next = seededRandom(seed);
  }

  /** A stream of its own: what is drawn from it depends on the seed and the name alone. */
  fork(name: string): Random {
    return new Random(hash(`${this.#seed} ${name}`));
  }

  /** A whole number, both bounds included. */
  int(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  between(least: number, most: number): number {
    return least + this.next() * (most - least);
  }

  /** Small numbers often, large ones seldom: as often from 1 to 10 as from 10 to 100. */
  logBetween(least: number, most: number): number {
    return least * (most / least) ** this.next();
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[Math.floor(this.next() * values.length)] as Value;
  }

  /** One of several, each as often as its weight says. */
  weighted<Name extends string>(weights: Readonly<Partial<Record<Name, number>>>): Name {
    const rows = Object.entries(weights) as [Name, number][];
    let left = this.next() * rows.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of rows) {
      left -= weight;
      if (left < 0) return name;
    }
    return (rows.at(-1) as [Name, number])[0];
  }
}

/** FNV-1a, with the bits mixed once more: names that differ in one letter must not be alike. */
function hash(text: string): number {
  let state = 0x811c_9dc5;
  for (let index = 0; index < text.length; index++) {
    state = Math.imul(state ^ text.charCodeAt(index), 0x0100_0193);
  }
  state = Math.imul(state ^ (state >>> 16), 0x85eb_ca6b);
  return (state ^ (state >>> 13)) >>> 0;
}
