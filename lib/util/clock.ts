import { performance } from 'node:perf_hooks';

/** A timer that was set on a {@link Clock}. */
export interface Timer {
  /** After this it does not fire. */
  cancel(): void;
  /** Lets it keep the process alive. */
  ref(): void;
  /** Lets the process end although it is set. */
  unref(): void;
}

/**
 * Where the library takes time from. The system's by default; tests and the simulator bring their
 * own. Times are milliseconds of a clock that never goes back, from an arbitrary start.
 */
export interface Clock {
  now(): number;
  /**
   * How long the machine has slept so far, as far as can be told: time that {@link now} does not count.
   * Only differences mean something. A clock without it never sleeps.
   */
  sleptMs?(): number;
  /** Calls back once after at least `delayMs`. */
  setTimer(callback: () => void, delayMs: number): Timer;
  /** Calls back after the event loop has turned once more; keeps the process alive until then. */
  nextTurn(callback: () => void): void;
}

class SystemTimer implements Timer {
  readonly #timeout: NodeJS.Timeout;

  constructor(callback: () => void, delayMs: number) {
    this.#timeout = setTimeout(callback, delayMs);
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }

  ref(): void {
    this.#timeout.ref();
  }

  unref(): void {
    this.#timeout.unref();
  }
}

/**
 * Node's monotonic clock and timers. On Linux that clock stands still while the machine sleeps, and the
 * wall clock does not; that may be set as well, which looks like a sleep.
 */
export const systemClock: Clock = {
  now: () => performance.now(),
  sleptMs: () => Date.now() - performance.now(),
  setTimer: (callback, delayMs) => new SystemTimer(callback, delayMs),
  nextTurn: (callback) => {
    setImmediate(callback);
  },
};
