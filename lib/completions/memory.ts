import { randomUUID } from 'node:crypto';
import { type Checks, clockLike, resolveOptions, wholeNumber } from '../util/check.ts';
import { type Clock, systemClock } from '../util/clock.ts';
import { encodeCompletion } from './codec.ts';
import {
  type BeginRequest,
  type Begun,
  type Completion,
  type CompletionStore,
  replyNotKept,
} from './store.ts';

/** A record for the memory of another process. */
export interface PassedRecord {
  readonly key: string;
  readonly fingerprint: string;
  readonly owner: string;
  readonly ticket: number;
  /** How long it must still be kept; missing when the call has not ended. */
  readonly leftMs?: number;
  readonly completion?: Completion;
}

interface Entry {
  readonly fingerprint: string;
  readonly owner: string;
  ticket: number;
  expiresAt: number;
  completion: Completion | undefined;
  bytes: number;
  /** Its process has ended, and nobody can tell what it did. */
  isLost?: boolean;
}

/** Bounds of a {@link MemoryCompletionStore}. */
export interface MemoryStoreBounds {
  /** Most records; a call beyond that is refused, never run unrecorded. */
  readonly maxRecords: number;
  /** Most bytes of keys and replies; beyond, calls are refused and replies are not kept. */
  readonly maxBytes: number;
}

/** A full store is not looked through more often. */
const sweepEveryMs = 100;

/** Nor one that is not full; so memory follows the calls of late, and not those of the busiest time. */
const tidyEveryMs = 10_000;

/** What a record takes beside its key and its reply, about. */
const entryBytes = 200;

/**
 * Records in this process's memory: at most once as long as the process lives. A record is kept for
 * its time after the call has finished; a call that runs is never forgotten.
 */
export class MemoryCompletionStore implements CompletionStore {
  readonly id: string = randomUUID();
  readonly #clock: Clock;
  readonly #bounds: MemoryStoreBounds;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  /** Before this it is no use to look for records that have expired. */
  #sweepAt = 0;
  /** From then on it is looked through although it is not full. */
  #tidyAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, bounds: MemoryStoreBounds) {
    this.#clock = clock;
    this.#bounds = bounds;
  }

  /** Records that are held, also those that have expired. */
  get size(): number {
    return this.#entries.size;
  }

  begin(request: BeginRequest): Begun {
    const { key, fingerprint, keepMs, owner, ticket } = request;
    const now = this.#clock.now();
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.expiresAt > now) {
      if (entry.fingerprint !== fingerprint) return { state: 'mismatch' };
      if (entry.isLost) return { state: 'lost' };
      if (entry.completion === undefined) return this.#beginAgain(entry, request);
      entry.expiresAt = Math.max(entry.expiresAt, now + keepMs);
      return { state: 'done', completion: entry.completion };
    }
    if (entry !== undefined) this.#remove(key, entry);
    if (this.#isFull() || now >= this.#tidyAt) this.#expire(now);
    if (this.#isFull()) return { state: 'full' };
    const bytes = entryBytes + key.length + fingerprint.length;
    this.#bytes += bytes;
    const expiresAt = Number.POSITIVE_INFINITY;
    this.#entries.set(key, { fingerprint, owner, ticket, expiresAt, completion: undefined, bytes });
    return { state: 'new' };
  }

  finish(request: BeginRequest, completion: Completion): void {
    const entry = this.#madeBy(request);
    if (entry === undefined) return;
    const size = sizeOf(completion);
    const fits = this.#bytes + size <= this.#bounds.maxBytes;
    entry.completion = fits ? completion : replyNotKept(size);
    const added = fits ? size : sizeOf(entry.completion);
    entry.bytes += added;
    this.#bytes += added;
    entry.expiresAt = this.#clock.now() + request.keepMs;
    this.#endsAt(entry.expiresAt);
  }

  abandon(request: BeginRequest): void {
    const entry = this.#madeBy(request);
    if (entry !== undefined) this.#remove(request.key, entry);
  }

  /** Everything, for the process that takes over. */
  export(): PassedRecord[] {
    const now = this.#clock.now();
    const records: PassedRecord[] = [];
    for (const [key, { fingerprint, owner, ticket, expiresAt, completion }] of this.#entries) {
      const leftMs = expiresAt - now;
      if (leftMs <= 0) continue;
      const whole = { key, fingerprint, owner, ticket };
      records.push(completion === undefined ? whole : { ...whole, leftMs, completion });
    }
    return records;
  }

  /**
   * Takes what another process has exported, which has ended: what is unfinished of its own calls is
   * lost. A record that is here already is the newer one.
   */
  adopt(records: readonly PassedRecord[]): void {
    const now = this.#clock.now();
    for (const { key, fingerprint, owner, ticket, leftMs, completion } of records) {
      if (this.#entries.has(key)) continue;
      const bytes =
        entryBytes + key.length + fingerprint.length + (completion ? sizeOf(completion) : 0);
      const expiresAt = leftMs === undefined ? Number.POSITIVE_INFINITY : now + leftMs;
      const isLost = completion === undefined;
      this.#entries.set(key, { fingerprint, owner, ticket, expiresAt, completion, bytes, isLost });
      this.#bytes += bytes;
      this.#endsAt(expiresAt);
    }
  }

  #beginAgain(entry: Entry, { owner, ticket, takesOver }: BeginRequest): Begun {
    if (!takesOver || entry.owner !== owner || entry.ticket >= ticket) {
      return { state: 'running', owner: entry.owner };
    }
    entry.ticket = ticket;
    return { state: 'new' };
  }

  /** The record that a request made, as long as the call is not finished. */
  #madeBy({ key, owner, ticket }: BeginRequest): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.completion !== undefined) return undefined;
    return entry.owner === owner && entry.ticket === ticket ? entry : undefined;
  }

  #isFull(): boolean {
    const { maxRecords, maxBytes } = this.#bounds;
    return this.#entries.size >= maxRecords || this.#bytes >= maxBytes;
  }

  #remove(key: string, { bytes }: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= bytes;
  }

  /** A record has been given its time. */
  #endsAt(expiresAt: number): void {
    this.#sweepAt = Math.min(this.#sweepAt, expiresAt);
    this.#tidyAt = Math.min(this.#tidyAt, expiresAt);
  }

  #expire(now: number): void {
    if (now < this.#sweepAt) return;
    let next = Number.POSITIVE_INFINITY;
    for (const [key, entry] of this.#entries) {
      if (entry.expiresAt <= now) this.#remove(key, entry);
      else next = Math.min(next, entry.expiresAt);
    }
    this.#sweepAt = Math.max(next, now + sweepEveryMs);
    this.#tidyAt = Math.max(next, now + tidyEveryMs);
  }
}

/** Options of {@link memoryCompletions}. */
export interface MemoryCompletionsOptions extends Partial<MemoryStoreBounds> {
  /** Where time comes from. Default: the system's monotonic clock. */
  readonly clock?: Clock;
}

const defaults = { maxRecords: 100_000, maxBytes: 64 * 1024 * 1024, clock: systemClock };

const checks: Checks<MemoryCompletionsOptions> = {
  maxRecords: wholeNumber(1),
  maxBytes: wholeNumber(1),
  clock: clockLike,
};

/**
 * Records in this process's memory, for several servers within it: what one has executed the others
 * do not. A server without this option has such a store of its own.
 *
 * @throws HoldfastError `ERR_HOLDFAST_OPTION`
 */
export function memoryCompletions(options?: MemoryCompletionsOptions): CompletionStore {
  const { clock, ...bounds } = resolveOptions('option', options, defaults, checks);
  return new MemoryCompletionStore(clock, bounds);
}

function sizeOf(completion: Completion): number {
  if (completion.kind === 'reply') return completion.value?.byteLength ?? 0;
  return encodeCompletion(completion).length;
}
