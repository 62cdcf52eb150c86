import type { CompletionStore } from '../completions/store.ts';
import type { TimerWheel } from '../retry/timer-wheel.ts';
import type { Clock } from '../util/clock.ts';
import type { Answers } from './answers.ts';
import type { ServedVerb } from './handlers.ts';
import {
  type Caller,
  Doubts,
  type OnceContext,
  type OnceWork,
  storeUnreachable,
} from './once-work.ts';
import { RecordedWork } from './recorded-work.ts';
import type { ServerCall } from './server-call.ts';
import { StoreGuard } from './store-guard.ts';
import { TransactedWork } from './transacted-work.ts';

/** What a server gives its {@link OnceRunner}. */
export interface OnceSetting {
  readonly store: CompletionStore;
  /** The server's id. */
  readonly owner: string;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  /** How long the store may take. */
  readonly timeoutMs: number;
  /** Largest reply that is recorded. */
  readonly maxReplyBytes: number;
  onStoreError(error: unknown, verb: string): void;
}

/** Most keys that are thought of because a store does not answer; beyond, calls are refused. */
const maxOverdue = 10_000;

/** Most keys of which no answer came and that may therefore run at a later try. */
const maxDoubts = 100_000;

/** Runs `once` calls: at most once for each key; repeats get the record, or wait for it. */
export class OnceRunner {
  readonly #context: OnceContext;
  readonly #guard: StoreGuard;
  readonly #answers: Answers;
  /** What this server works on. A key is entered before the store is asked, and stays until all is safe. */
  readonly #works = new Map<string, OnceWork>();
  #tickets = 0;
  #overdue = 0;

  constructor(setting: OnceSetting, answers: Answers) {
    const { store, owner, clock, wheel, timeoutMs, maxReplyBytes } = setting;
    this.#answers = answers;
    this.#guard = new StoreGuard(clock, wheel, timeoutMs);
    this.#context = {
      store,
      owner,
      answers,
      guard: this.#guard,
      maxReplyBytes,
      doubts: new Doubts(maxDoubts),
      nextTicket: () => ++this.#tickets,
      onStoreError: (error, verb) => setting.onStoreError(error, verb),
      onOverdue: () => {
        this.#overdue++;
      },
      onEnd: (work) => this.#onEnd(work),
    };
  }

  /**
   * Resolves when the call is answered, or nobody waits for the answer any more.
   *
   * @param call its key is the record's
   * @param fingerprint tells a repeat from another call under the same key
   * @param keepMs how long the record must be kept at least
   * @param handle the handler, with its output checked
   */
  run(
    call: ServerCall,
    { store }: ServedVerb,
    fingerprint: string,
    keepMs: number,
    handle: () => unknown,
  ): Promise<void> {
    return new Promise((done) => {
      const caller = { call, keepMs, handle, done };
      const known = this.#works.get(call.key as string);
      if (known !== undefined) {
        known.join(caller, fingerprint);
      } else if (this.#overdue >= maxOverdue) {
        this.#answers.refuse(call, storeUnreachable);
        done();
      } else {
        this.#begin(caller, store, fingerprint);
      }
    });
  }

  /** The server is at its end: what a store has not taken by now is not tried again. */
  stop(): void {
    this.#guard.stop();
  }

  #begin(caller: Caller, store: ServedVerb['store'], fingerprint: string): void {
    const work =
      store === undefined
        ? new RecordedWork(this.#context, caller, fingerprint)
        : new TransactedWork(this.#context, store, caller, fingerprint);
    this.#works.set(work.key, work);
    work.join(caller, fingerprint);
    void work.start();
  }

  #onEnd(work: OnceWork): void {
    if (this.#works.get(work.key) !== work) return;
    this.#works.delete(work.key);
    if (work.isOverdue) this.#overdue--;
  }
}
