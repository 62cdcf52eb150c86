import { Session } from 'node:inspector';

/** Reads which parts of the library were run, by V8's own counters. */
export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    this.news();
  }

  /** Parts that were run so far. */
  get size(): number {
    return this.#seen.size;
  }

  /** Parts that were run since the last time, and are not known yet. */
  news(): string[] {
    const found: string[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, coverage) => {
      if (error !== null) throw error;
      for (const { url, functions } of coverage.result) {
        if (!url.includes('/lib/')) continue;
        for (const { ranges } of functions) {
          for (const { startOffset, endOffset, count } of ranges) {
            const part = `${url} ${startOffset} ${endOffset}`;
            if (count > 0 && !this.#seen.has(part)) found.push(part);
          }
        }
      }
    });
    return found;
  }

  /** These are known now. */
  learn(parts: readonly string[]): void {
    for (const part of parts) this.#seen.add(part);
  }

  close(): void {
    this.#session.disconnect();
  }
}
