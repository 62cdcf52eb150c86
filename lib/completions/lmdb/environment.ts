import { randomUUID } from 'node:crypto';
import { open as openFile } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { codeOf, messageOf } from '../../errors.ts';
import { loadPackage, storeError } from '../package.ts';
import type { Database, Lmdb, RootDatabase } from './types.ts';

type Bytes = Database<Buffer, Buffer>;

/** As a variable, for the package's declarations for `import` are in error. */
const packageName: string = 'lmdb';

/** What an LMDB file has near its beginning. */
const magic = Buffer.from([0xde, 0xc0, 0xef, 0xbe]);

/** The package ends the whole process when it is to open a file that is none of LMDB's. */
async function refuseOthers(path: string): Promise<void> {
  // As the package decides what is a file and what a folder.
  const file = extname(path) === '' ? join(path, 'data.mdb') : path;
  const head = Buffer.alloc(64);
  let bytes = 0;
  try {
    const handle = await openFile(file, 'r');
    try {
      ({ bytesRead: bytes } = await handle.read(head, 0, head.length, 0));
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  if (bytes > 0 && !head.includes(magic)) throw new Error(`${file} is no LMDB file`);
}

/** The store's own tables in an LMDB environment. */
export interface Tables {
  /** Records by the SHA-256 of their key. */
  readonly records: Bytes;
  /** Expiry and hash of each record, in that order; without values. */
  readonly expiries: Bytes;
  /** Until when a holder lives, by its id. */
  readonly leases: Database<number, string>;
  /** The store's id; the bytes of all records. */
  readonly notes: Database<string | number, string>;
}

/** A file that is open in this process, and how many have opened it. */
interface OpenFile {
  readonly root: RootDatabase;
  readonly tables: Tables;
  readonly id: string;
  users: number;
}

/**
 * Files that are open, by path. A file is opened once in a process, however many ask for it: opening
 * waits for the file's lock in the main thread, and a writer of the same process that has the lock
 * waits for the main thread.
 */
const openFiles = new Map<string, OpenFile>();

/** Files that are being closed. */
const closing = new Map<string, Promise<void>>();

function openRoot(root: RootDatabase): OpenFile {
  const bytes = { encoding: 'binary', keyEncoding: 'binary' } as const;
  const tables = {
    records: root.openDB<Buffer, Buffer>('holdfast:records', bytes),
    expiries: root.openDB<Buffer, Buffer>('holdfast:expiries', bytes),
    leases: root.openDB<number, string>('holdfast:leases', {}),
    notes: root.openDB<string | number, string>('holdfast:notes', {}),
  };
  const { notes } = tables;
  const id = root.transactionSync(() => {
    const known = notes.get('id');
    if (typeof known === 'string') return known;
    const made = randomUUID();
    notes.putSync('id', made);
    return made;
  });
  return { root, tables, id, users: 0 };
}

/** An LMDB file that is open, and its one way to write. */
export class Environment {
  readonly #path: string;
  readonly #file: OpenFile;
  #isClosed = false;

  private constructor(path: string, file: OpenFile) {
    this.#path = path;
    this.#file = file;
    file.users++;
  }

  get root(): RootDatabase {
    return this.#file.root;
  }

  get tables(): Tables {
    return this.#file.tables;
  }

  get id(): string {
    return this.#file.id;
  }

  /**
   * @param importer replaced by tests
   * @throws HoldfastError `ERR_HOLDFAST_STORE`
   */
  static async open(
    path: string,
    maxTables: number,
    importer: () => Promise<unknown> = () => import(packageName),
  ): Promise<Environment> {
    const { open } = await loadPackage<Lmdb>(packageName, importer);
    const key = resolve(path);
    try {
      do {
        await closing.get(key);
        await refuseOthers(path);
      } while (closing.has(key));
      let file = openFiles.get(key);
      if (file === undefined) {
        // Without overlapping syncs a write resolves when it is on the disk, and not before.
        file = openRoot(open({ path, overlappingSync: false, maxDbs: maxTables + 4 }));
        openFiles.set(key, file);
      }
      return new Environment(key, file);
    } catch (error) {
      throw storeError(`The LMDB file ${path} cannot be opened: ${messageOf(error)}`, error);
    }
  }

  /**
   * Runs `work` alone among all processes that have the file open. Resolves when what it wrote is on
   * the disk, which those that come meanwhile share. When it throws, nothing of it stays.
   */
  async write<Value>(work: () => Value): Promise<Value> {
    if (this.#isClosed) throw new Error('The LMDB file was closed');
    try {
      return await this.root.childTransaction(work);
    } catch (error) {
      // It has a promise of its own for the same error, which nobody else will look at.
      const { commitError } = error as { commitError?: Promise<unknown> };
      commitError?.catch(() => {});
      throw error;
    }
  }

  /** The file is closed when nobody in this process uses it any more. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (--this.#file.users > 0) return;
    openFiles.delete(this.#path);
    const closed = this.root.close().finally(() => closing.delete(this.#path));
    closing.set(this.#path, closed);
    await closed;
  }
}
