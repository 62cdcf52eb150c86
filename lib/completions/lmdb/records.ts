import { createHash } from 'node:crypto';
import { type BeginRequest, type Begun, type Completion, replyNotKept } from '../store.ts';
import type { Environment, Tables } from './environment.ts';
import {
  completionOf,
  decodeRecord,
  encodeRecord,
  endedRecord,
  isMadeBy,
  type StoredRecord,
} from './record.ts';

/** Bounds of the records in one file. */
export interface RecordBounds {
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** How long the record of a call that never ended is kept. */
  readonly keepUnfinishedMs: number;
}

/** What has expired is removed along with other writes, so many records at a time. */
const sweepCount = 16;

/** The records of one LMDB file. Every method must be called within a write. */
export class LmdbRecords {
  readonly #tables: Tables;
  readonly #bounds: RecordBounds;
  /** Whose lease counts for the records that are made here. */
  readonly #holder: string;

  constructor({ tables }: Environment, bounds: RecordBounds, holder: string) {
    this.#tables = tables;
    this.#bounds = bounds;
    this.#holder = holder;
  }

  /**
   * @param isClaim the call's effect will be committed with its record, or not at all
   * @param now wall clock
   */
  begin(request: BeginRequest, isClaim: boolean, now: number): Begun {
    this.#sweep(now);
    const hash = hashOf(request.key);
    const record = this.#get(hash, now);
    if (record === undefined) return this.#add(hash, request, isClaim, now);
    if (record.fingerprint !== request.fingerprint) return { state: 'mismatch' };
    const completion = completionOf(record);
    if (completion !== undefined) {
      this.#keepLonger(hash, record, now + request.keepMs);
      return { state: 'done', completion };
    }
    const isAlive = this.isAlive(record.holder, now);
    if (mayTakeOver(record, request, isClaim, isAlive)) {
      this.#put(hash, record, this.#begun(request, isClaim, now));
      return { state: 'new' };
    }
    if (isAlive) return { state: 'running', owner: record.owner };
    this.#keepLonger(hash, record, now + request.keepMs);
    return { state: 'lost' };
  }

  /** False when the record is another request's: then nothing is noted. */
  finish(request: BeginRequest, completion: Completion, now: number): boolean {
    const hash = hashOf(request.key);
    const record = this.#get(hash, now);
    if (record !== undefined && !isMadeBy(record, request)) return false;
    const isClaim = record?.isClaim ?? false;
    let ended = endedRecord(request, this.#holder, isClaim, now, completion);
    const size = ended.completion?.length ?? 0;
    if (this.#bytes() + size > this.#bounds.maxBytes) {
      ended = endedRecord(request, this.#holder, isClaim, now, replyNotKept(size));
    }
    this.#put(hash, record, ended);
    return true;
  }

  abandon(request: BeginRequest, now: number): void {
    const hash = hashOf(request.key);
    const record = this.#get(hash, now);
    if (record !== undefined && isMadeBy(record, request)) this.#remove(hash, record);
  }

  /** True as long as the request's record waits for its end. */
  isBegun(request: BeginRequest, now: number): boolean {
    const record = this.#get(hashOf(request.key), now);
    return record !== undefined && isMadeBy(record, request);
  }

  isAlive(holder: string, now: number): boolean {
    return (this.#tables.leases.get(holder) ?? 0) > now;
  }

  #add(hash: Buffer, request: BeginRequest, isClaim: boolean, now: number): Begun {
    const { maxRecords, maxBytes } = this.#bounds;
    const { entryCount } = this.#tables.records.getStats() as { entryCount: number };
    if (entryCount >= maxRecords || this.#bytes() >= maxBytes) return { state: 'full' };
    this.#put(hash, undefined, this.#begun(request, isClaim, now));
    return { state: 'new' };
  }

  #begun(request: BeginRequest, isClaim: boolean, now: number): StoredRecord {
    const { fingerprint, owner, ticket, keepMs } = request;
    const expiresAt = now + Math.max(this.#bounds.keepUnfinishedMs, keepMs);
    const holder = this.#holder;
    return { fingerprint, owner, ticket, holder, isClaim, expiresAt, completion: undefined };
  }

  #get(hash: Buffer, now: number): StoredRecord | undefined {
    const bytes = this.#tables.records.get(hash);
    if (bytes === undefined) return undefined;
    const record = decodeRecord(bytes);
    if (record.expiresAt > now) return record;
    this.#remove(hash, record);
    return undefined;
  }

  #put(hash: Buffer, old: StoredRecord | undefined, record: StoredRecord): void {
    const { records, expiries } = this.#tables;
    const bytes = encodeRecord(record);
    if (old !== undefined) expiries.removeSync(expiryKey(old.expiresAt, hash));
    expiries.putSync(expiryKey(record.expiresAt, hash), nothing);
    records.putSync(hash, bytes);
    this.#count(bytes.length - (old === undefined ? 0 : encodeRecord(old).length));
  }

  #remove(hash: Buffer, record: StoredRecord): void {
    const { records, expiries } = this.#tables;
    expiries.removeSync(expiryKey(record.expiresAt, hash));
    records.removeSync(hash);
    this.#count(-encodeRecord(record).length);
  }

  /** A repeat has come: others of it may come as late. */
  #keepLonger(hash: Buffer, record: StoredRecord, expiresAt: number): void {
    if (expiresAt > record.expiresAt) this.#put(hash, record, { ...record, expiresAt });
  }

  #sweep(now: number): void {
    const { records, expiries } = this.#tables;
    const end = expiryKey(now, nothing);
    const keys = [...expiries.getKeys({ start: nothing, end, limit: sweepCount })];
    for (const key of keys) {
      const hash = Buffer.from(key.subarray(expiryBytes));
      const bytes = records.get(hash);
      if (bytes !== undefined) this.#remove(hash, decodeRecord(bytes));
    }
  }

  #bytes(): number {
    return Number(this.#tables.notes.get('bytes') ?? 0);
  }

  #count(bytes: number): void {
    if (bytes !== 0) this.#tables.notes.putSync('bytes', this.#bytes() + bytes);
  }
}

/** A claim of which nothing can be committed any more once another has it. */
function mayTakeOver(
  record: StoredRecord,
  request: BeginRequest,
  isClaim: boolean,
  isAlive: boolean,
): boolean {
  if (record.owner === request.owner) {
    return (request.takesOver || (record.isClaim && isClaim)) && record.ticket < request.ticket;
  }
  return record.isClaim && !isAlive;
}

const nothing = Buffer.alloc(0);
const expiryBytes = 8;

/** Sorts by time: the bits of positive floating-point numbers do. */
function expiryKey(expiresAt: number, hash: Buffer): Buffer {
  const key = Buffer.allocUnsafe(expiryBytes + hash.length);
  key.writeDoubleBE(expiresAt, 0);
  hash.copy(key, expiryBytes);
  return key;
}

/** Keys may be longer than LMDB takes. */
function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
