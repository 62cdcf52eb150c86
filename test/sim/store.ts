import type {
  BeginRequest,
  Begun,
  Completion,
  CompletionStore,
} from '../../lib/completions/store.ts';
import type { Process } from './process.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** How the store behaves at the moment. */
export type StoreMode =
  | 'well'
  /** It says no before it does anything. */
  | 'down'
  /** It does what it is asked, and then says that it failed. */
  | 'failing'
  /** It does what it is asked, and is not heard. */
  | 'silent'
  /** It takes longer than servers wait. */
  | 'late';

interface StoreRow {
  readonly fingerprint: string;
  readonly owner: string;
  readonly process: Process;
  ticket: number;
  completion: Completion | undefined;
  expiresAt: number;
}

/** A database with the records of `once` calls, beside the servers and outliving them. */
export class SimStore {
  mode: StoreMode = 'well';
  readonly #world: World;
  readonly #random: Random;
  readonly #rows = new Map<string, StoreRow>();
  readonly #lateMs: number;

  constructor(world: World, random: Random, lateMs: number) {
    this.#world = world;
    this.#random = random;
    this.#lateMs = lateMs;
  }

  /** How a server uses it. */
  usedBy(process: Process): CompletionStore {
    return {
      id: 'the database of the simulation',
      begin: (request) => this.#ask(process, () => this.#begin(process, request)),
      finish: (request, completion) =>
        this.#ask(process, () => {
          const row = this.#madeBy(request);
          if (row === undefined) return;
          row.completion = completion;
          row.expiresAt = this.#world.now + request.keepMs;
        }),
      abandon: (request) =>
        this.#ask(process, () => {
          if (this.#madeBy(request) !== undefined) this.#rows.delete(request.key);
        }),
    };
  }

  #ask<Answer>(process: Process, action: () => Answer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const thereMs = this.#random.between(0.1, 3);
      const { mode } = this;
      const delayMs = mode === 'late' ? this.#lateMs * this.#random.between(0.5, 3) : thereMs;
      this.#world.after(delayMs, () => {
        const fail = (): void => reject(new Error(`The store is ${mode}`));
        if (mode === 'down') {
          process.io(fail, thereMs);
          return;
        }
        const answer = action();
        if (mode === 'failing') process.io(fail, thereMs);
        else if (mode !== 'silent') process.io(() => resolve(answer), thereMs);
      });
    });
  }

  #begin(process: Process, request: BeginRequest): Begun {
    const { key, fingerprint, owner, ticket, keepMs, takesOver } = request;
    const now = this.#world.now;
    const row = this.#rows.get(key);
    if (row === undefined || row.expiresAt <= now) {
      const expiresAt = Number.POSITIVE_INFINITY;
      const completion = undefined;
      this.#rows.set(key, { fingerprint, owner, process, ticket, completion, expiresAt });
      return { state: 'new' };
    }
    if (row.fingerprint !== fingerprint) return { state: 'mismatch' };
    if (row.completion !== undefined) {
      row.expiresAt = Math.max(row.expiresAt, now + keepMs);
      return { state: 'done', completion: row.completion };
    }
    if (!row.process.isAlive) return { state: 'lost' };
    if (takesOver && row.owner === owner && row.ticket < ticket) {
      row.ticket = ticket;
      return { state: 'new' };
    }
    return { state: 'running', owner: row.owner };
  }

  #madeBy({ key, owner, ticket }: BeginRequest): StoreRow | undefined {
    const row = this.#rows.get(key);
    if (row === undefined || row.completion !== undefined) return undefined;
    return row.owner === owner && row.ticket === ticket ? row : undefined;
  }
}
