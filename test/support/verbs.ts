import { defineVerbs, idempotent, mutate, once, read, semi } from '../../lib/index.ts';

/** One verb of each class; the input names the call, so that executions can be counted. */
export const verbs = defineVerbs({
  read: read<string, string>(),
  idempotent: idempotent<string, string>(),
  semi: semi<string, string>(),
  once: once<string, string>(),
  mutate: mutate<string, string>(),
});

/** The server's own record: how often each input was executed. */
export class Executions {
  readonly #counts = new Map<string, number>();

  note(name: string): string {
    this.#counts.set(name, this.of(name) + 1);
    return `done ${name}`;
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  counts(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Handlers that note what they execute. */
  handlers(): Record<keyof typeof verbs, (name: string) => string> {
    const note = (name: string): string => this.note(name);
    return { read: note, idempotent: note, semi: note, once: note, mutate: note };
  }
}
