import {
  anything,
  type Checks,
  clockLike,
  milliseconds,
  ofType,
  optionError,
  resolveOptions,
  show,
  wholeNumber,
} from '../util/check.ts';
import { type Clock, systemClock } from '../util/clock.ts';
import { Environment } from './lmdb/environment.ts';
import { Lease } from './lmdb/lease.ts';
import { LmdbRecords } from './lmdb/records.ts';
import { type LmdbTransaction, StagedTransaction } from './lmdb/transaction.ts';
import type { RootDatabase } from './lmdb/types.ts';
import type {
  BeginRequest,
  Begun,
  Completion,
  CompletionStore,
  Transacted,
  TransactionalStore,
} from './store.ts';

export type { LmdbTransaction } from './lmdb/transaction.ts';

/** Options of {@link lmdbCompletions}. Everything but `path` has a default. */
export interface LmdbCompletionsOptions {
  /** The database: a folder, or a file when the name has an extension. Made if it is not there. */
  readonly path: string;
  /** Most records; a call beyond that is refused. */
  readonly maxRecords?: number;
  /** Most bytes of records; beyond, calls are refused and replies are not kept. */
  readonly maxBytes?: number;
  /**
   * How long it is remembered, in ms, that a call began and its process died. After that the same
   * key is a new call. May be Infinity.
   */
  readonly keepUnfinishedMs?: number;
  /** A process that has not been heard of for so long, in ms, counts as gone. */
  readonly leaseMs?: number;
  /** Most tables that the application opens in the environment. */
  readonly maxTables?: number;
  /** The wall clock. Default: `Date.now`. */
  readonly now?: () => number;
  /** Where timers come from. Default: the system's. */
  readonly clock?: Clock;
}

/** The defaults of {@link LmdbCompletionsOptions}. */
export const lmdbCompletionsDefaults: Required<Omit<LmdbCompletionsOptions, 'path'>> =
  Object.freeze({
    maxRecords: 1_000_000,
    maxBytes: 1024 * 1024 * 1024,
    keepUnfinishedMs: 30 * 24 * 3_600_000,
    leaseMs: 15_000,
    maxTables: 64,
    now: Date.now,
    clock: systemClock,
  });

const checks: Checks<LmdbCompletionsOptions> = {
  path: anything,
  maxRecords: wholeNumber(1),
  maxBytes: wholeNumber(1),
  keepUnfinishedMs: milliseconds(0, Number.POSITIVE_INFINITY),
  leaseMs: milliseconds(100),
  maxTables: wholeNumber(0, 10_000),
  now: ofType('function'),
  clock: clockLike,
};

/** Records of `once` calls in an LMDB file, and transactions in the same file. */
export interface LmdbCompletions extends CompletionStore, TransactionalStore<LmdbTransaction> {
  /** Where the application opens its tables: `store.environment.openDB({ name })`. */
  readonly environment: RootDatabase;
  /** After the servers that use it. Calls that run then are lost. */
  close(): Promise<void>;
}

/** How often a handler runs anew because others have changed what it had read. */
const maxTries = 10;

class LmdbStore implements LmdbCompletions {
  readonly id: string;
  readonly environment: RootDatabase;
  readonly #environment: Environment;
  readonly #lease: Lease;
  readonly #records: LmdbRecords;
  readonly #now: () => number;

  constructor(environment: Environment, options: Required<LmdbCompletionsOptions>) {
    this.id = environment.id;
    this.environment = environment.root;
    this.#environment = environment;
    this.#now = options.now;
    this.#lease = new Lease(environment, options.clock, options.leaseMs, options.now);
    this.#records = new LmdbRecords(environment, options, this.#lease.holder);
  }

  async open(): Promise<this> {
    await this.#lease.start();
    return this;
  }

  begin(request: BeginRequest): Promise<Begun> {
    return this.#begin(request, false);
  }

  async finish(request: BeginRequest, completion: Completion): Promise<void> {
    await this.#environment.write(() => this.#records.finish(request, completion, this.#now()));
  }

  async abandon(request: BeginRequest): Promise<void> {
    await this.#environment.write(() => this.#records.abandon(request, this.#now()));
  }

  async transact(
    request: BeginRequest,
    run: (transaction: LmdbTransaction) => Promise<Completion>,
  ): Promise<Transacted> {
    const begun = await this.#begin(request, true);
    if (begun.state !== 'new') return begun;
    for (let tries = 0; tries < maxTries; tries++) {
      const staged = new StagedTransaction(this.environment);
      try {
        const completion = await run(staged);
        staged.close();
        const ended = await this.#commit(request, staged, completion);
        if (ended === 'committed') return { state: ended };
        // What was held for dead and has been overtaken must not run again.
        if (ended === 'overtaken') return { state: 'conflict' };
      } catch (error) {
        staged.close();
        // If this fails, the claim goes with the process, or to the next call with the key.
        await this.abandon(request).catch(() => {});
        throw error;
      }
    }
    await this.abandon(request);
    return { state: 'conflict' };
  }

  async close(): Promise<void> {
    await this.#lease.end();
    await this.#environment.close();
  }

  #begin(request: BeginRequest, isClaim: boolean): Promise<Begun> {
    return this.#environment.write(() => {
      const now = this.#now();
      this.#lease.keep(now);
      return this.#records.begin(request, isClaim, now);
    });
  }

  /** Nothing is written when others have changed what was read, or have the claim by now. */
  #commit(
    request: BeginRequest,
    staged: StagedTransaction,
    completion: Completion,
  ): Promise<'committed' | 'changed' | 'overtaken'> {
    return this.#environment.write(() => {
      const now = this.#now();
      if (!this.#records.isBegun(request, now)) return 'overtaken';
      if (!staged.holds()) return 'changed';
      staged.apply();
      this.#records.finish(request, completion, now);
      return 'committed';
    });
  }
}

/**
 * Opens a store of records in an LMDB file. Several processes of one machine may have the same file
 * open: what one has executed the others do not. Needs the package `lmdb`.
 *
 * @throws HoldfastError `ERR_HOLDFAST_OPTION`, `ERR_HOLDFAST_STORE`
 */
export async function lmdbCompletions(options: LmdbCompletionsOptions): Promise<LmdbCompletions> {
  const resolved = resolveOptions('option', options, lmdbCompletionsDefaults, checks);
  const { path, maxTables } = resolved;
  if (typeof path !== 'string' || path === '') {
    throw optionError(`Option "path" must name a file or folder, got ${show(path)}`);
  }
  const environment = await Environment.open(path, maxTables);
  return await new LmdbStore(environment, resolved).open();
}
