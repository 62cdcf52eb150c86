import { Executions } from './verbs.ts';

/**
 * Handlers that note what they execute. The reply to an input that begins with `held ` waits until
 * the test lets it go.
 */
export class HeldHandlers {
  readonly executions: Executions = new Executions();
  #waiting: (() => void)[] = [];
  #release: () => void = () => {};
  #released = new Promise<void>((resolve) => {
    this.#release = resolve;
  });

  /** For each verb of the tests' registry. */
  get all(): ReturnType<Executions['handlers']> {
    const run = (name: string): Promise<string> => this.#run(name);
    const all = { read: run, idempotent: run, semi: run, once: run, mutate: run };
    return all as unknown as ReturnType<Executions['handlers']>;
  }

  /** Resolves when all of these are being executed, or were. */
  async begun(names: readonly string[]): Promise<void> {
    while (names.some((name) => this.executions.of(name) === 0)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Lets all of them reply, those to come too. */
  release(): void {
    this.#release();
  }

  async #run(name: string): Promise<string> {
    const reply = this.executions.note(name);
    for (const resolve of this.#waiting.splice(0)) resolve();
    if (name.startsWith('held ')) await this.#released;
    return reply;
  }
}
