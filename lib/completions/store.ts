import type { RemoteFailure } from '../errors.ts';

/** How a `once` call ended: what the server answers to every repeat of it. */
export type Completion =
  | { readonly kind: 'reply'; readonly value: Uint8Array | undefined; readonly isBytes: boolean }
  | { readonly kind: 'error'; readonly failure: RemoteFailure };

/** A `once` call that wants to begin. */
export interface BeginRequest {
  /** Names the record: the caller's key, and who calls. Of any length. */
  readonly key: string;
  /** Tells a repeat from another call under the same key. */
  readonly fingerprint: string;
  /** The record must be kept at least so long after the call's end, and after each repeat. */
  readonly keepMs: number;
  /** The server that asks. */
  readonly owner: string;
  /** Counts what an owner asks. `finish` and `abandon` touch only the record that theirs made. */
  readonly ticket: number;
  /**
   * The owner has asked for the key before and got no answer, and so has run nothing: if the record
   * was made by that, with an older ticket, this request takes it over and is told `new`.
   */
  readonly takesOver: boolean;
}

/** What a store knows of a key when a call with it arrives. */
export type Begun =
  /** Nothing: the call may run now, and the store has noted that it begins. */
  | { readonly state: 'new' }
  /** A call with this key has begun and is not finished; its process is alive as far as is known. */
  | { readonly state: 'running'; readonly owner: string }
  | { readonly state: 'done'; readonly completion: Completion }
  /** A call with this key has begun, its process is gone, and nobody can tell what it did. */
  | { readonly state: 'lost' }
  /** The key was used with another input. */
  | { readonly state: 'mismatch' }
  /** The store cannot take another record. */
  | { readonly state: 'full' };

/**
 * Keeps the records of `once` calls. A record is found by its key until its time is over, and never
 * looks new before that; when there is no room, it is the new call that has to go.
 *
 * A method that throws, rejects or takes too long must leave it open whether it took effect; it may
 * take effect later.
 */
export interface CompletionStore {
  /**
   * Names the set of records: the same for all stores that share them, for ever, and no other's.
   * By it a client knows whether another server has the record of its call.
   */
  readonly id: string;
  /** Notes that a call begins, unless the key is known. Durable before this resolves with `new`. */
  begin(request: BeginRequest): Begun | Promise<Begun>;
  /**
   * Notes how it ended, durably; also when it has counted as lost meanwhile. A record that another
   * request made is left alone.
   *
   * @param request what `begin` was given; `keepMs` may have grown
   */
  finish(request: BeginRequest, completion: Completion): void | Promise<void>;
  /** The call did not run after all: its record goes, and the key is unknown again. */
  abandon(request: BeginRequest): void | Promise<void>;
}

/** How a transaction of a {@link TransactionalStore} ended. */
export type Transacted =
  /** What the call did and its record were committed together. */
  | { readonly state: 'committed' }
  /** Nothing was committed: others have changed meanwhile what it had read. */
  | { readonly state: 'conflict' }
  | Exclude<Begun, { readonly state: 'new' }>;

/**
 * Keeps the records of `once` calls beside the application's own data, so that what a call did and
 * its record are committed together: there is no moment at which a crash leaves one without the
 * other. See `transactional`.
 */
export interface TransactionalStore<Transaction = unknown> {
  /** As in {@link CompletionStore}. */
  readonly id: string;
  /**
   * Looks the key up; when it is unknown, opens a transaction, runs the call in it, adds the record
   * under a key that can be there only once, and commits. When the run rejects, it is rolled back,
   * nothing is recorded, and this rejects with the same error.
   *
   * @param run calls the handler; what it resolves with is to be recorded
   */
  transact(
    request: BeginRequest,
    run: (transaction: Transaction) => Promise<Completion>,
  ): Promise<Transacted>;
}

/** What is recorded of a reply that is too large to keep: a repeat learns that the call has run. */
export function replyNotKept(bytes: number): Completion {
  const message = `the call was executed, and its reply of ${bytes} bytes was too large to keep`;
  return { kind: 'error', failure: { code: 'ERR_HOLDFAST_REPLY_NOT_KEPT', message } };
}
