import type { Clock } from '../util/clock.ts';

/** At most so many turns of the event loop, however much comes in. */
const maxTurns = 50;

/** Turns in a row that must bring nothing. One is not enough behind an I/O callback. */
const quietTurns = 2;

/**
 * The look before a write: turns the event loop until nothing has come in for two turns in a row,
 * so that an end, a reset or stray bytes that have arrived are known. It costs 4 to 6 µs, does not
 * fail anything by itself, and what follows must be written in the same turn.
 */
export class Probe {
  readonly #clock: Clock;
  readonly #heardBytes: () => number;
  readonly #onQuiet: (sleptMs: number) => void;
  /** The clock's word of sleep when it was asked last. */
  #sleptMs: number;
  /** Sleep since something came in, and what had come in by then. */
  #asleepMs = 0;
  #heardBefore = 0;
  #running = false;
  #quiet = 0;
  #turns = 0;
  #seen = 0;
  readonly #turn = (): void => this.#onTurn();

  /**
   * @param heardBytes how many bytes have come in so far
   * @param onQuiet called when the probe is through, unless it was stopped, with how long the machine
   *   has slept since something came in
   */
  constructor(clock: Clock, heardBytes: () => number, onQuiet: (sleptMs: number) => void) {
    this.#clock = clock;
    this.#sleptMs = clock.sleptMs?.() ?? 0;
    this.#heardBytes = heardBytes;
    this.#onQuiet = onQuiet;
  }

  get running(): boolean {
    return this.#running;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#quiet = 0;
    this.#turns = 0;
    this.#seen = this.#heardBytes();
    this.#clock.nextTurn(this.#turn);
  }

  /** The link is gone: nobody is called any more. */
  stop(): void {
    this.#running = false;
  }

  #onTurn(): void {
    if (!this.#running) return;
    const heard = this.#heardBytes();
    this.#quiet = heard === this.#seen ? this.#quiet + 1 : 0;
    this.#seen = heard;
    if (this.#quiet < quietTurns && ++this.#turns < maxTurns) {
      this.#clock.nextTurn(this.#turn);
      return;
    }
    this.#running = false;
    this.#onQuiet(this.#sleep(heard));
  }

  #sleep(heard: number): number {
    const sleptMs = this.#clock.sleptMs?.() ?? 0;
    if (heard !== this.#heardBefore) this.#asleepMs = 0;
    // A wall clock that was set back says nothing.
    this.#asleepMs += Math.max(0, sleptMs - this.#sleptMs);
    this.#sleptMs = sleptMs;
    this.#heardBefore = heard;
    return this.#asleepMs;
  }
}
