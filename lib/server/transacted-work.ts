import type { Transacted, TransactionalStore } from '../completions/store.ts';
import { type Ended, endedWith } from './once-ended.ts';
import { type Caller, deserted, type OnceContext, OnceWork, refusals } from './once-work.ts';

/** The handler runs in a transaction of the store's, which commits its effect with the record. */
export class TransactedWork extends OnceWork {
  readonly #store: TransactionalStore;

  constructor(
    context: OnceContext,
    store: TransactionalStore,
    caller: Caller,
    fingerprint: string,
  ) {
    super(context, caller, fingerprint);
    this.#store = store;
  }

  protected async attempt(): Promise<boolean> {
    const run = new Run(
      this.context,
      () => this.leader(),
      () => this.#onLate(run),
    );
    let transacted: Transacted;
    try {
      transacted = await this.#store.transact(this.request(), (transaction) => run.go(transaction));
    } catch (error) {
      this.context.onEnd(this);
      this.#failed(run, error);
      return false;
    } finally {
      run.stopWaiting();
    }
    if (transacted.state === 'running' && !run.isLate) return true;
    this.context.onEnd(this);
    this.#tellOf(transacted, run);
    return false;
  }

  #tellOf(transacted: Transacted, { ended }: Run): void {
    switch (transacted.state) {
      case 'committed':
        this.complete((ended as Ended).answer);
        return;
      case 'done':
        this.complete(transacted.completion);
        return;
      case 'running':
        // Everybody was told that the store does not answer.
        return;
      case 'lost':
        this.leaveUnknown('the server that had begun it outside of a transaction is gone');
        return;
      case 'mismatch':
      case 'full':
      case 'conflict':
        this.refuse(refusals[transacted.state]);
    }
  }

  #failed(run: Run, error: unknown): void {
    if (run.failure !== undefined) {
      const { thrown } = run.failure;
      this.tell((call) => this.context.answers.fail(call, thrown));
    } else if (run.ended !== undefined) {
      this.report(error);
      this.leaveUnknown(commitInDoubt);
    } else if (run.isDeserted) {
      this.refuse(deserted);
    } else if (!run.isLate) {
      this.unreachable(error);
    }
  }

  /** Before the handler: nothing will run. After it: it may be committed or not. */
  #onLate(run: Run): void {
    const error = new Error(
      `Transactional store: no answer within ${this.context.guard.timeoutMs} ms`,
    );
    this.overdue();
    if (run.ended === undefined) {
      this.unreachable(error);
      return;
    }
    this.report(error);
    this.leaveUnknown(commitInDoubt);
  }
}

const commitInDoubt = 'nobody knows whether its transaction was committed';

/** The handler within a transaction; a store may roll back and run it again. */
class Run {
  /** The store took too long before it came to the handler: it must not run any more. */
  isLate = false;
  /** Nobody waits for the call any more. */
  isDeserted = false;
  ended: Ended | undefined;
  failure: { readonly thrown: unknown } | undefined;
  readonly #context: OnceContext;
  readonly #leader: () => Caller | undefined;
  readonly #onLate: () => void;
  #cancel: () => void;

  constructor(context: OnceContext, leader: () => Caller | undefined, onLate: () => void) {
    this.#context = context;
    this.#leader = leader;
    this.#onLate = onLate;
    this.#cancel = context.guard.whenLate(() => {
      this.isLate = true;
      onLate();
    });
  }

  async go(transaction: unknown): Promise<Ended['record']> {
    this.stopWaiting();
    this.ended = undefined;
    this.failure = undefined;
    if (this.isLate) throw new Error('The transaction was opened too late');
    const leader = this.#leader();
    if (leader === undefined) {
      this.isDeserted = true;
      throw new Error('Nobody waits for the call any more');
    }
    leader.call.transaction = transaction;
    let ended: Ended;
    try {
      ended = endedWith(await leader.handle(), this.#context.maxReplyBytes);
    } catch (thrown) {
      this.failure = { thrown };
      throw thrown;
    } finally {
      leader.call.transaction = undefined;
    }
    this.ended = ended;
    this.#cancel = this.#context.guard.whenLate(this.#onLate);
    return ended.record;
  }

  stopWaiting(): void {
    this.#cancel();
  }
}
