/** A fault and how long it took until calls were answered on a new link. */
export interface Recovered {
  readonly fault: string;
  readonly tookMs: number;
}

/** Takes the time from each fault to the first answer on a link that came up after it. */
export class Recovery {
  readonly recovered: Recovered[] = [];
  #current: { fault: string; sinceMs: number; isUp: boolean; done: () => void } | undefined;
  #isOver = false;

  /** A fault happens now. Resolves after the recovery from it, or when nothing is called any more. */
  from(fault: string): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isOver) resolve();
      else this.#current = { fault, sinceMs: performance.now(), isUp: false, done: resolve };
    });
  }

  onLinkUp(): void {
    if (this.#current !== undefined) this.#current.isUp = true;
  }

  onAnswer(): void {
    const current = this.#current;
    if (!current?.isUp) return;
    this.#current = undefined;
    const { fault, sinceMs, done } = current;
    this.recovered.push({ fault, tookMs: performance.now() - sinceMs });
    done();
  }

  /** No more calls will be made. */
  stop(): void {
    this.#isOver = true;
    this.#current?.done();
  }

  get slowest(): Recovered | undefined {
    return this.recovered.toSorted((one, other) => other.tookMs - one.tookMs)[0];
  }
}
