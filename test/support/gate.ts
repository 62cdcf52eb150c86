import type { serve } from '../../lib/index.ts';
import { Executions, type verbs } from './verbs.ts';

/** Places in the table of the test's verbs. */
export const place = { read: 0, idempotent: 1, semi: 2, once: 3, mutate: 4 };

/** Handlers that note what they execute and answer when they are released. */
export class Gate {
  readonly executions = new Executions();
  readonly signals: AbortSignal[] = [];
  #release: () => void = () => {};
  readonly #opened = new Promise<void>((resolve) => {
    this.#release = resolve;
  });
  #waiters: (() => void)[] = [];

  readonly handler = async (name: string, { signal }: { signal: AbortSignal }): Promise<string> => {
    this.signals.push(signal);
    const value = this.executions.note(name);
    for (const wake of this.#waiters.splice(0)) wake();
    await this.#opened;
    return value;
  };

  release(): void {
    this.#release();
  }

  /** Resolves when so many calls were executed. */
  async executed(count: number): Promise<void> {
    while (this.executions.total < count) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }
}

export type Handlers = Parameters<typeof serve<typeof verbs>>[1];

/** Every verb has the same handler. */
export function all(handler: Handlers['read']): Handlers {
  return { read: handler, idempotent: handler, semi: handler, once: handler, mutate: handler };
}
