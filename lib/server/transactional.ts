import type { TransactionalStore } from '../completions/store.ts';
import type { CallContext } from './call-context.ts';

/** What a handler is told that runs in a transaction. */
export interface TransactionContext<Transaction> extends CallContext {
  /** What the store gives to write with: all of it is committed together with the record. */
  readonly transaction: Transaction;
}

/** Which handlers run in a transaction, and of which store. */
const stores = new WeakMap<object, TransactionalStore>();

/**
 * A handler of a `once` verb whose effect is committed together with the record of the call:
 * `serve(verbs, { transfer: transactional(store, async (input, { transaction }) => …) })`. When the
 * process dies, both are there or neither, so that a repeat gets the reply or truly begins anew.
 *
 * All that the handler does must be done by its `transaction`: whatever else it does may be done
 * again after a crash. When it throws, the transaction is rolled back and nothing is recorded.
 */
export function transactional<Transaction, Input, Output>(
  store: TransactionalStore<Transaction>,
  handler: (input: Input, call: TransactionContext<Transaction>) => Output | Promise<Output>,
): (input: Input, call: CallContext) => Output | Promise<Output> {
  const made = function (this: unknown, input: Input, call: CallContext): Output | Promise<Output> {
    return handler.call(this, input, call as TransactionContext<Transaction>);
  };
  stores.set(made, store as TransactionalStore);
  return made;
}

/** The store of a handler that {@link transactional} made. */
export function transactionalStoreOf(handler: object): TransactionalStore | undefined {
  return stores.get(handler);
}
