import type { LmdbCompletions, LmdbTransaction } from '../../lib/completions/lmdb.ts';
import type { BeginRequest, Completion, Transacted } from '../../lib/index.ts';

/** Tables as an application has them, beside the records. */
export class Ledger {
  readonly #store: LmdbCompletions;
  readonly accounts;
  /** Each transfer, by its key. */
  readonly entries;

  constructor(store: LmdbCompletions) {
    this.#store = store;
    this.accounts = store.environment.openDB<number, string>({ name: 'accounts' });
    this.entries = store.environment.openDB<number, string>({ name: 'entries' });
  }

  get balance(): number {
    return this.accounts.get('ada') ?? 0;
  }

  /** Adds one to the balance, once for each key. */
  transfer(
    request: BeginRequest,
    meanwhile: () => void | Promise<void> = () => {},
  ): Promise<Transacted> {
    return this.#store.transact(request, async (transaction: LmdbTransaction) => {
      const { accounts, entries } = this;
      transaction.put(accounts, 'ada', (transaction.get(accounts, 'ada') ?? 0) + 1);
      transaction.put(entries, request.key, (transaction.get(entries, request.key) ?? 0) + 1);
      await meanwhile();
      return done;
    });
  }
}

export const done: Completion = { kind: 'reply', value: Buffer.of(0xc3), isBytes: false };
