import { randomUUID } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { type Handlers, refuse } from 'holdfast';
import { streamHandlers } from './stream-store.ts';
import type { fileStore } from './verbs.ts';

/** The folders of a store below its root. */
export const folders = { files: 'files', locks: 'locks', incoming: 'incoming' } as const;

/** The lock of a path that somebody else holds, or that we hold already. */
class LockedError extends Error {
  readonly code = 'LOCKED';
  readonly data: { readonly owner: string };

  constructor(path: string, owner: string) {
    super(`"${path}" is locked by ${owner}`);
    this.data = { owner };
  }
}

/**
 * Handlers that keep everything in files below `root`, so that a killed server loses nothing.
 *
 * @param ending aborts when the server is about to end
 */
export function storeHandlers(root: string, ending: AbortSignal): Handlers<typeof fileStore> {
  for (const folder of Object.values(folders)) mkdirSync(join(root, folder), { recursive: true });

  const fileOf = (path: string): string => {
    const base = join(root, folders.files);
    const file = resolve(base, path);
    if (!file.startsWith(base + sep)) throw refuse({ message: `"${path}" leaves the store` });
    return file;
  };
  const lockOf = (path: string): string => join(root, folders.locks, encodeURIComponent(path));
  const holderOf = (path: string): string | undefined =>
    existsSync(lockOf(path)) ? readFileSync(lockOf(path), 'utf8') : undefined;
  // Whoever may not write is told so before anything is done: the outcome is "not-executed".
  const demandLock = (path: string, owner: string): void => {
    if (holderOf(path) !== owner) throw refuse({ message: `"${path}" is not locked by ${owner}` });
  };

  return {
    ...streamHandlers(fileOf, join(root, folders.incoming), ending),

    get: ({ path }) => readFile(fileOf(path)),

    // Written aside and renamed, so that a server killed half-way leaves the old file or the new.
    put: async ({ path, owner, bytes }) => {
      demandLock(path, owner);
      const file = fileOf(path);
      const aside = join(root, folders.incoming, randomUUID());
      await writeFile(aside, bytes);
      await mkdir(dirname(file), { recursive: true });
      await rename(aside, file);
    },

    append: ({ path, owner, line }) => {
      demandLock(path, owner);
      const file = openSync(fileOf(path), 'a');
      try {
        appendFileSync(file, `${line}\n`);
      } finally {
        closeSync(file);
      }
    },

    lock: ({ path, owner }) => {
      try {
        writeFileSync(lockOf(path), owner, { flag: 'wx' });
      } catch (error) {
        const holder = holderOf(path);
        throw holder === undefined ? error : new LockedError(path, holder);
      }
    },
  };
}
