import type { RemoteFailure } from '../errors.ts';

/** How a `once` call ended: what the server answers to every repeat of it. */
export type Completion =
  | { readonly kind: 'reply'; readonly value: Uint8Array | undefined; readonly isBytes: boolean }
  | { readonly kind: 'error'; readonly failure: RemoteFailure };

/** What a store knows of a key when a call with it arrives. */
export type Begun =
  /** Nothing: the call may run now, and the store has noted that it begins. */
  | { readonly state: 'new' }
  /** A call with this key has begun and is not finished. */
  | { readonly state: 'running' }
  | { readonly state: 'done'; readonly completion: Completion }
  /** The key was used with another input. */
  | { readonly state: 'mismatch' }
  /** The store cannot take another record. */
  | { readonly state: 'full' };

/** Keeps the records of `once` calls. A record is found by its key, which includes who calls. */
export interface CompletionStore {
  /** Notes that a call begins, unless the key is known. Must be noted before this resolves. */
  begin(key: string, fingerprint: string, keepMs: number): Begun | Promise<Begun>;
  /** Notes how it ended. */
  finish(key: string, completion: Completion): void | Promise<void>;
  /** The call did not run after all: the key is unknown again. */
  abandon(key: string): void | Promise<void>;
}
