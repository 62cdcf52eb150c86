import type { BeginRequest, Completion, CompletionStore } from '../completions/store.ts';
import type { Refusal } from '../protocols/protocol.ts';
import { type Answers, busy, hopeless } from './answers.ts';
import { outputOf } from './once-ended.ts';
import type { ServerCall } from './server-call.ts';
import type { StoreGuard } from './store-guard.ts';

/** A call that came with the work's key. */
export interface Caller {
  readonly call: ServerCall;
  /** How long the record must be kept for its sake. */
  readonly keepMs: number;
  /** The handler, with its output checked. */
  readonly handle: () => unknown;
  /** Called when the call is answered, or nobody waits for the answer any more. */
  readonly done: () => void;
}

/** What all works of a server share. */
export interface OnceContext {
  readonly store: CompletionStore;
  /** The server's id. */
  readonly owner: string;
  readonly answers: Answers;
  readonly guard: StoreGuard;
  /** Largest reply that is recorded. */
  readonly maxReplyBytes: number;
  /** Keys that the store was asked for in vain: under them nothing has run. */
  readonly doubts: Doubts;
  nextTicket(): number;
  onStoreError(error: unknown, verb: string): void;
  /** A work must be thought of although its callers are answered. */
  onOverdue(): void;
  /** Nothing is left to do for the key. */
  onEnd(work: OnceWork): void;
}

/** Keys of which the store's answer never came, the newest of them. */
export class Doubts {
  readonly #keys = new Set<string>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** What is forgotten here is told as unknown, and never run again. */
  add(key: string): void {
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size <= this.#max) return;
    for (const oldest of this.#keys) {
      this.#keys.delete(oldest);
      return;
    }
  }

  delete(key: string): void {
    this.#keys.delete(key);
  }
}

const firstPollMs = 50;
const lastPollMs = 500;

/**
 * What one server does for one key of a `once` verb, from the first call with it until its record
 * is safe. Whoever comes with the key meanwhile joins it, so that no key is worked on twice.
 */
export abstract class OnceWork {
  readonly key: string;
  protected readonly context: OnceContext;
  readonly #verb: string;
  readonly #fingerprint: string;
  readonly #callers: Caller[] = [];
  #keepMs = 0;
  /** What those who join are told at once. */
  #standing: ((call: ServerCall) => void) | undefined;
  #isOverdue = false;

  constructor(context: OnceContext, { call }: Caller, fingerprint: string) {
    this.context = context;
    this.key = call.key as string;
    this.#verb = call.verb;
    this.#fingerprint = fingerprint;
  }

  join(caller: Caller, fingerprint: string): void {
    const { call, keepMs, done } = caller;
    if (fingerprint !== this.#fingerprint) {
      this.context.answers.refuse(call, keyReused);
      done();
      return;
    }
    this.#keepMs = Math.max(this.#keepMs, keepMs);
    if (this.#standing === undefined) {
      this.#callers.push(caller);
      return;
    }
    this.#standing(call);
    done();
  }

  /** Never rejects. */
  async start(): Promise<void> {
    try {
      let waitMs = firstPollMs;
      while (await this.attempt()) {
        await this.context.guard.pause(waitMs);
        waitMs = Math.min(2 * waitMs, lastPollMs);
        if (this.leader() === undefined || this.context.guard.isStopped) {
          this.end(() => {});
          return;
        }
      }
    } catch (error) {
      this.end((call) => this.context.answers.fail(call, error));
    }
  }

  /** Asks the store and does what follows; true when another server has the call and runs it. */
  protected abstract attempt(): Promise<boolean>;

  protected request(): BeginRequest {
    const { owner, doubts } = this.context;
    return {
      key: this.key,
      fingerprint: this.#fingerprint,
      keepMs: this.#keepMs,
      owner,
      ticket: this.context.nextTicket(),
      takesOver: doubts.has(this.key),
    };
  }

  /** The request with what those who joined since have asked for. */
  protected upToDate(request: BeginRequest): BeginRequest {
    return { ...request, keepMs: this.#keepMs };
  }

  /** The call whose handler runs: the first for whose answer somebody waits. */
  protected leader(): Caller | undefined {
    return this.#callers.find(({ call }) => !call.isCancelled && call.remainingMs > 0);
  }

  /** Answers all who wait, and whoever comes before the end. */
  protected tell(standing: (call: ServerCall) => void): void {
    this.#standing = standing;
    for (const { call, done } of this.#callers.splice(0)) {
      standing(call);
      done();
    }
  }

  protected complete(completion: Completion): void {
    const { answers } = this.context;
    if (completion.kind === 'error') {
      this.tell((call) => answers.error(call, completion.failure));
      return;
    }
    const output = outputOf(completion);
    this.tell((call) => answers.reply(call, output));
  }

  protected refuse(refusal: Refusal): void {
    this.tell((call) => this.context.answers.refuse(call, refusal));
  }

  /** The call has begun, and nobody can tell how far it came. */
  protected leaveUnknown(why: string): void {
    this.tell((call) => this.context.answers.unknown(call, 'ERR_HOLDFAST_UNFINISHED', why));
  }

  /** The store failed before anything ran. */
  protected unreachable(error: unknown): void {
    this.report(error);
    this.refuse(storeUnreachable);
  }

  protected report(error: unknown): void {
    this.context.onStoreError(error, this.#verb);
  }

  protected overdue(): void {
    if (!this.#isOverdue) this.context.onOverdue();
    this.#isOverdue = true;
  }

  /** For the server's count. */
  get isOverdue(): boolean {
    return this.#isOverdue;
  }

  /** Nothing is left to do, but to answer who still waits. */
  protected end(standing?: (call: ServerCall) => void): void {
    this.context.onEnd(this);
    if (standing !== undefined) this.tell(standing);
  }
}

const keyReused = hopeless('ERR_HOLDFAST_KEY_REUSED', 'the key was used before with another input');

/** Nobody waits for the call any more. */
export const deserted: Refusal = hopeless(
  'ERR_HOLDFAST_DEADLINE',
  'its deadline passed before it could run',
);

/** Before anything has run. */
export const storeUnreachable: Refusal = busy(
  'ERR_HOLDFAST_REFUSED',
  'the server cannot reach its completion store',
);

const storeFull = busy('ERR_HOLDFAST_REFUSED', 'the server cannot record another "once" call now');

const conflict = busy(
  'ERR_HOLDFAST_REFUSED',
  'others changed what the call had read; nothing was committed',
);

/** Why a call is refused in these states of its key. */
export const refusals: Readonly<Record<'mismatch' | 'full' | 'conflict', Refusal>> = {
  mismatch: keyReused,
  full: storeFull,
  conflict,
};
