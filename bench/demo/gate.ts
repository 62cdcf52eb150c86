/** Holds calls back while it is closed, and tells when none is under way any more. */
export class Gate {
  #underWay = 0;
  #opened: Promise<void> | undefined;
  #open: () => void = () => {};
  #onQuiet: () => void = () => {};

  /** Makes a call, as soon as the gate is open. */
  async pass<T>(call: () => Promise<T>): Promise<T> {
    while (this.#opened !== undefined) await this.#opened;
    this.#underWay++;
    try {
      return await call();
    } finally {
      this.#underWay--;
      if (this.#underWay === 0) this.#onQuiet();
    }
  }

  /** Lets no call through; resolves when those that are under way have ended. */
  async close(): Promise<void> {
    this.#opened = new Promise((resolve) => {
      this.#open = resolve;
    });
    if (this.#underWay === 0) return;
    await new Promise<void>((resolve) => {
      this.#onQuiet = resolve;
    });
  }

  open(): void {
    this.#opened = undefined;
    this.#open();
  }
}
