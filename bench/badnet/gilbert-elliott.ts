/** How a path loses packets, as two probabilities of a step from one state to the other. */
export interface Loss {
  /** From good to bad. */
  readonly p: number;
  /** From bad to good. */
  readonly r: number;
}

/** Nothing is lost. */
export const noLoss: Loss = { p: 0, r: 1 };

/** The share of packets that is lost in the long run. */
export function meanLoss({ p, r }: Loss): number {
  return p / (p + r);
}

/**
 * Loss in bursts (Gilbert 1960, Elliott 1963): in the good state a packet passes, in the bad one it
 * is lost. One step for each packet, before it is judged, as the netem of Linux does it (`loss gemodel
 * p r`): a burst ends with packets that are lost, not with time.
 */
export class GilbertElliott {
  readonly #loss: Loss;
  readonly #random: () => number;
  #isBad = false;
  #passed = 0;
  #lost = 0;

  /** @param random yields numbers from 0 to below 1 */
  constructor(loss: Loss, random: () => number) {
    this.#loss = loss;
    this.#random = random;
  }

  get passed(): number {
    return this.#passed;
  }

  get lost(): number {
    return this.#lost;
  }

  /** True when the next packet passes. */
  passes(): boolean {
    const { p, r } = this.#loss;
    const change = this.#random();
    if (this.#isBad) this.#isBad = change >= r;
    else this.#isBad = change < p;
    if (this.#isBad) this.#lost++;
    else this.#passed++;
    return !this.#isBad;
  }
}
