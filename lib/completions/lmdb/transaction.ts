import { show } from '../../util/check.ts';
import type { Database, Key, RootDatabase } from './types.ts';

/** What a `transactional` handler reads and writes with. */
export interface LmdbTransaction {
  /** What is there, or what the transaction has put. */
  get<Value, K extends Key>(table: Database<Value, K>, key: K): Value | undefined;
  /** Is written when the handler has returned, if nothing that it has read was changed meanwhile. */
  put<Value, K extends Key>(table: Database<Value, K>, key: K, value: Value): void;
  remove<K extends Key>(table: Database<unknown, K>, key: K): void;
}

type AnyTable = Database<unknown, Key>;

interface Cell {
  readonly table: AnyTable;
  readonly key: Key;
}

interface Read extends Cell {
  readonly bytes: Buffer | undefined;
}

interface Write extends Cell {
  /** Undefined: it is removed. */
  readonly value: unknown;
}

/**
 * Notes what a handler has read and what it wants to write. Nothing is locked while the handler
 * runs: at the end it is looked whether all that was read still holds, and written if so.
 */
export class StagedTransaction implements LmdbTransaction {
  readonly #root: RootDatabase;
  readonly #reads = new Map<AnyTable, Map<string, Read>>();
  readonly #writes = new Map<AnyTable, Map<string, Write>>();
  #isOpen = true;

  constructor(root: RootDatabase) {
    this.#root = root;
  }

  get<Value, K extends Key>(table: Database<Value, K>, key: K): Value | undefined {
    const [place, name] = this.#use(table, key);
    const written = this.#writes.get(place)?.get(name);
    if (written !== undefined) return written.value as Value | undefined;
    const reads = cells(this.#reads, place);
    if (!reads.has(name)) reads.set(name, { table: place, key, bytes: place.getBinary(key) });
    return table.get(key);
  }

  put<Value, K extends Key>(table: Database<Value, K>, key: K, value: Value): void {
    const [place, name] = this.#use(table, key);
    if (value === undefined) throw new TypeError('A transaction cannot put undefined');
    cells(this.#writes, place).set(name, { table: place, key, value });
  }

  remove<K extends Key>(table: Database<unknown, K>, key: K): void {
    const [place, name] = this.#use(table, key);
    cells(this.#writes, place).set(name, { table: place, key, value: undefined });
  }

  /** The handler is done. */
  close(): void {
    this.#isOpen = false;
  }

  /** Within a write: true when all that was read is as it was. */
  holds(): boolean {
    for (const reads of this.#reads.values()) {
      for (const { table, key, bytes } of reads.values()) {
        const now = table.getBinary(key);
        if (bytes === undefined ? now !== undefined : now === undefined || !bytes.equals(now)) {
          return false;
        }
      }
    }
    return true;
  }

  /** Within a write. */
  apply(): void {
    for (const writes of this.#writes.values()) {
      for (const { table, key, value } of writes.values()) {
        if (value === undefined) table.removeSync(key);
        else table.putSync(key, value);
      }
    }
  }

  #use<Value, K extends Key>(table: Database<Value, K>, key: K): [AnyTable, string] {
    if (!this.#isOpen) throw new Error('The transaction is over: its handler has returned');
    const { env } = table as { env?: unknown };
    if (env === undefined || env !== (this.#root as { env?: unknown }).env) {
      throw new TypeError("The table is not of the completion store's environment");
    }
    return [table as unknown as AnyTable, nameOf(key)];
  }
}

function cells<C>(tables: Map<AnyTable, Map<string, C>>, table: AnyTable): Map<string, C> {
  let found = tables.get(table);
  if (found === undefined) {
    found = new Map();
    tables.set(table, found);
  }
  return found;
}

/** Tells keys apart that LMDB tells apart. */
function nameOf(key: Key): string {
  if (typeof key === 'string') return `s${key}`;
  if (typeof key === 'number' || typeof key === 'boolean') return `${typeof key}${key}`;
  if (key instanceof Uint8Array) return `b${Buffer.from(key).toString('hex')}`;
  if (Array.isArray(key)) return JSON.stringify(key.map(nameOf));
  throw new TypeError(`A transaction takes no key like ${show(key)}`);
}
