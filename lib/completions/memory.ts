import type { Clock } from '../util/clock.ts';
import type { Begun, Completion, CompletionStore } from './store.ts';

interface Entry {
  readonly fingerprint: string;
  readonly keepMs: number;
  expiresAt: number;
  completion: Completion | undefined;
}

/** Bounds of a {@link MemoryCompletionStore}. */
export interface MemoryStoreBounds {
  /** Most records; a call beyond that is refused, never run unrecorded. */
  readonly maxRecords: number;
}

/**
 * Records in this process's memory: at most once as long as the process lives. A record is kept for
 * its time after the call has finished; a call that runs is never forgotten.
 */
export class MemoryCompletionStore implements CompletionStore {
  readonly #clock: Clock;
  readonly #maxRecords: number;
  /** Finished records stand in the order of their end; those that expire first come first. */
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, { maxRecords }: MemoryStoreBounds) {
    this.#clock = clock;
    this.#maxRecords = maxRecords;
  }

  begin(key: string, fingerprint: string, keepMs: number): Begun {
    const now = this.#clock.now();
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.expiresAt > now) {
      if (entry.fingerprint !== fingerprint) return { state: 'mismatch' };
      if (entry.completion === undefined) return { state: 'running' };
      return { state: 'done', completion: entry.completion };
    }
    if (this.#entries.size >= this.#maxRecords) this.#expire(now);
    if (this.#entries.size >= this.#maxRecords) return { state: 'full' };
    const expiresAt = Number.POSITIVE_INFINITY;
    this.#entries.set(key, { fingerprint, keepMs, expiresAt, completion: undefined });
    return { state: 'new' };
  }

  finish(key: string, completion: Completion): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.completion = completion;
    entry.expiresAt = this.#clock.now() + entry.keepMs;
  }

  abandon(key: string): void {
    this.#entries.delete(key);
  }

  #expire(now: number): void {
    for (const [key, entry] of this.#entries) {
      if (entry.expiresAt <= now) this.#entries.delete(key);
    }
  }
}
