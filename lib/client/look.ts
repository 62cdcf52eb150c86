import { Probe } from '../link/probe.ts';
import type { Clock } from '../util/clock.ts';

/** What comes before a write on a link that was silent: the look, and the ping where it needs one. */
export class Look {
  readonly #probe: Probe;
  readonly #afterMs: number;
  #lookedAt = 0;
  /** Calls wait for the answer to the ping. */
  isVerifying = false;

  /**
   * @param heardBytes how many bytes have come in so far that were not to be expected
   * @param onLooked called when the look is through, in the turn in which to write, with the present
   *   instant and how long the machine has slept since something came in
   */
  constructor(
    { clock, probeAfterMs }: { readonly clock: Clock; readonly probeAfterMs: number },
    heardBytes: () => number,
    onLooked: (now: number, sleptMs: number) => void,
  ) {
    this.#afterMs = probeAfterMs;
    this.#probe = new Probe(clock, heardBytes, (sleptMs) => {
      this.#lookedAt = clock.now();
      onLooked(this.#lookedAt, sleptMs);
    });
  }

  /** It, or the ping, is not through. */
  get isRunning(): boolean {
    return this.#probe.running || this.isVerifying;
  }

  /** Begins the look, if the link was silent for too long; otherwise it may be written to. */
  begin(now: number, heardAt: number): boolean {
    const isDue = now - Math.max(heardAt, this.#lookedAt) > this.#afterMs;
    if (isDue) this.#probe.start();
    return isDue;
  }

  /** The link is gone: nobody is called any more. */
  stop(): void {
    this.#probe.stop();
  }
}
