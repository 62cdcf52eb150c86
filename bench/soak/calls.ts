import { isHoldfastError } from 'holdfast';
import type { Awake } from './awake.ts';
import { files, Notebook } from './notebook.ts';

/** So much later than its deadline a call may settle. */
export const slackMs = 2_000;

interface Pending {
  readonly name: string;
  dueAt: number;
  isReported: boolean;
}

/** All calls of a client process: begun, pending, how they ended, and whether in time. */
export class Calls {
  begun = 0;
  settled = 0;
  readonly outcomes: Record<string, number> = { ok: 0 };
  readonly codes: Record<string, number> = {};
  /** The longest that a call settled behind its deadline. */
  latestMs = 0;
  readonly #pending = new Set<Pending>();
  readonly #awake: Awake;
  readonly #outcomes: Notebook;
  readonly #violations: Notebook;

  constructor(folder: string, awake: Awake) {
    this.#awake = awake;
    this.#outcomes = new Notebook(folder, files.outcomes);
    this.#violations = new Notebook(folder, files.violations);
  }

  get pending(): number {
    return this.#pending.size;
  }

  violation(text: string): void {
    this.#violations.note(text);
  }

  /** Makes a call; `act` throws what it throws, or an error of what is wrong with its reply. */
  async watch(
    verb: string,
    id: string,
    timeoutMs: number,
    act: () => Promise<string | undefined>,
  ): Promise<void> {
    const dueAt = this.#awake.now() + timeoutMs;
    const pending: Pending = { name: `${verb} ${id}`, dueAt, isReported: false };
    this.#pending.add(pending);
    this.begun++;
    let outcome = 'ok';
    let code = '-';
    try {
      const wrong = await act();
      if (wrong !== undefined) this.violation(`${pending.name}: ${wrong}`);
    } catch (error) {
      if (!isHoldfastError(error)) {
        this.violation(`${pending.name} failed with ${String(error)}`);
        return;
      }
      ({ outcome, code } = error);
      if (error.verb !== verb) this.violation(`${pending.name}: an error of ${error.verb}`);
    } finally {
      this.#pending.delete(pending);
      this.settled++;
    }
    this.#outcomes.note(verb, id, outcome, code);
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
    if (code !== '-') this.codes[code] = (this.codes[code] ?? 0) + 1;
    const lateMs = this.#awake.now() - dueAt;
    this.latestMs = Math.max(this.latestMs, lateMs);
    if (lateMs > slackMs && !pending.isReported) {
      this.violation(`${pending.name} settled ${Math.round(lateMs)} ms late (${outcome}, ${code})`);
    }
  }

  /** Reports calls that should have settled and have not. */
  look(): void {
    const now = this.#awake.now();
    for (const pending of this.#pending) {
      if (pending.isReported || now - pending.dueAt < slackMs) continue;
      pending.isReported = true;
      this.violation(`${pending.name} has not settled ${slackMs} ms behind its deadline`);
    }
  }
}
