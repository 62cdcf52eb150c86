import { maxPongs } from '../link/limits.ts';
import { linkFaults } from './link-faults.ts';

/**
 * Counts answers to pings that have not left yet. Behind a long message they wait, and a server to
 * which that takes long to arrive goes on to ping: what counts is that nothing leaves.
 */
export class PongLimit {
  #pongs = 0;
  #leftBytes = 0;

  /**
   * @param leftBytes what has left on the link so far
   * @throws HoldfastError `ERR_HOLDFAST_PROTOCOL` when they are too many
   */
  count(link: string, leftBytes: number): void {
    if (leftBytes !== this.#leftBytes) this.#pongs = 0;
    this.#leftBytes = leftBytes;
    if (++this.#pongs > maxPongs) throw linkFaults.pingsTooFast(link);
  }
}
