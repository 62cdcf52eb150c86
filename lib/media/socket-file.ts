import { randomBytes } from 'node:crypto';
import { type BigIntStats, linkSync, lstatSync, renameSync, unlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { codeOf } from '../errors.ts';
import type { SocketFile } from './medium.ts';

/**
 * The file of a Unix socket that listens. Who bound the socket in this process removes whatever is
 * at its path when it closes: Node does that, and cannot be told not to.
 *
 * The number of a file is not used again while a socket that was bound to it is open, so it tells
 * until then whether the file at the path is still the same.
 */
export class BoundFile implements SocketFile {
  readonly path: string;
  readonly id: string;
  readonly #isOwned: () => boolean;

  /** @param isOwned whether this process is the one to remove it, as long as it is the same file */
  constructor(path: string, id: string, isOwned: () => boolean = () => true) {
    this.path = path;
    this.id = id;
    this.#isOwned = isOwned;
  }

  /** The file that was just made at `path`. */
  static at(path: string): BoundFile | undefined {
    const absolute = resolve(path);
    const stats = statOf(absolute);
    return stats === undefined ? undefined : new BoundFile(absolute, idOf(stats));
  }

  get isOurs(): boolean {
    const stats = statOf(this.path);
    return stats !== undefined && idOf(stats) === this.id && this.#isOwned();
  }

  remove(): void {
    if (this.isOurs) unlinkSync(this.path);
  }
}

/**
 * Runs `close`, which removes whatever is at `path`, and then has that there again. What somebody
 * else puts there meanwhile is left alone.
 */
export function keepingFile(path: string, close: () => void): void {
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  const isAside = setAside(path, aside);
  close();
  if (isAside) putBack(aside, path);
}

function setAside(path: string, aside: string): boolean {
  // With a second name the path is missing for the shortest time, but not every file may have one.
  for (const name of [linkSync, renameSync]) {
    try {
      name(path, aside);
      return true;
    } catch {
      // The next way; where there is none, closing cannot remove the file either.
    }
  }
  return false;
}

function putBack(aside: string, path: string): void {
  try {
    linkSync(aside, path);
    unlinkSync(aside);
  } catch (error) {
    const isTaken = codeOf(error) === 'EEXIST' || statOf(path) !== undefined;
    if (isTaken) unlinkSync(aside);
    else renameSync(aside, path);
  }
}

function statOf(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function idOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}
