const everyMs = 200;

/**
 * A clock that stands still while this process does: stopped, or waiting for a core. What is late by
 * this clock is late by its own fault.
 */
export class Awake {
  #ms = 0;
  #last = performance.now();
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => {
      this.#ms = this.now();
      this.#last = performance.now();
    }, everyMs).unref();
  }

  now(): number {
    return this.#ms + Math.min(performance.now() - this.#last, 2 * everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
