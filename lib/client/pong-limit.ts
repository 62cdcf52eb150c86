import { linkFaults } from './link-faults.ts';

/** A server that has more answers to its pings on the way does not read them. */
const maxPongs = 1_000;

/** Counts answers to pings that have not left yet. */
export class PongLimit {
  #pongs = 0;

  /** @throws HoldfastError `ERR_HOLDFAST_PROTOCOL` when they are too many */
  count(link: string): void {
    if (++this.#pongs > maxPongs) throw linkFaults.pingsTooFast(link);
  }

  /** All have left. */
  reset(): void {
    this.#pongs = 0;
  }
}
