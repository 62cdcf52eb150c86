import type { Overtakers } from './overtakers.ts';

/** Who knows what the server need not keep. */
export interface Acknowledging {
  /** All calls below this number are settled, as far as the server needs to know. */
  acknowledged(): number;
  /** Those above it. */
  readonly overtakers: Pick<Overtakers, 'take'>;
  /** How many answers the server could drop since that was asked last. */
  readonly unacknowledged: number;
}

/** What the server need not keep. */
export interface Acknowledgement {
  /** All calls below it are settled. */
  readonly number: number;
  /** Others that are. */
  readonly settled: readonly number[];
}

/** The server is told after so many calls, or so long after the last time. */
const tellEach = 32;
const tellAfterMs = 100;

/** What a link's server was told that it need not keep: the answers of all calls below a number. */
export class Watermark {
  readonly #owner: Acknowledging;
  #told: number;
  #toldAt = 0;

  constructor(owner: Acknowledging) {
    this.#owner = owner;
    this.#told = owner.acknowledged();
  }

  /** The number that was told last. */
  get told(): number {
    return this.#told;
  }

  /** What to tell now, if it is time and there is something new. */
  due(now: number): Acknowledgement | undefined {
    const { unacknowledged } = this.#owner;
    const isDue = unacknowledged >= tellEach || now - this.#toldAt > tellAfterMs;
    return isDue ? this.last(now) : undefined;
  }

  /** What to tell before the link falls silent, if there is something new. */
  last(now: number): Acknowledgement | undefined {
    this.#toldAt = now;
    const number = this.#owner.acknowledged();
    const settled = this.#owner.overtakers.take(number);
    if (number === this.#told && settled.length === 0) return undefined;
    this.#told = number;
    return { number, settled };
  }
}
