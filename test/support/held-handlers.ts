import { Executions, type verbs } from './verbs.ts';

/**
 * Handlers that note what they execute. The reply to an input that begins with `held ` waits until
 * the test lets it go.
 */
export class HeldHandlers {
  readonly executions: Executions = new Executions();
  #waiting: (() => void)[] = [];
  readonly #held = new Map<string, () => void>();
  readonly #released = new Set<string>();

  /** For each verb of the tests' registry. */
  get all(): Record<keyof typeof verbs, (name: string) => Promise<string>> {
    const run = (name: string): Promise<string> => this.#run(name);
    return { read: run, idempotent: run, semi: run, once: run, mutate: run };
  }

  /** Resolves when all of these are being executed, or were. */
  async begun(names: readonly string[]): Promise<void> {
    while (names.some((name) => this.executions.of(name) === 0)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Lets those that wait reply, also when they are executed once more. */
  release(): void {
    for (const [name, reply] of this.#held) {
      this.#released.add(name);
      reply();
    }
    this.#held.clear();
  }

  async #run(name: string): Promise<string> {
    const reply = this.executions.note(name);
    for (const resolve of this.#waiting.splice(0)) resolve();
    if (name.startsWith('held ') && !this.#released.has(name)) {
      const earlier = this.#held.get(name);
      await new Promise<void>((resolve) => {
        this.#held.set(name, () => {
          earlier?.();
          resolve();
        });
      });
    }
    return reply;
  }
}
