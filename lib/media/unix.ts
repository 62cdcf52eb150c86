import { type BigIntStats, chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { chmod, lstat } from 'node:fs/promises';
import net from 'node:net';
import { dirname, resolve } from 'node:path';
import { codeOf, HoldfastError } from '../errors.ts';
import { type Checks, ofType, resolveOptions, show, wholeNumber } from '../util/check.ts';
import { boundPath } from './bound-path.ts';
import type { Channel, InheritedSocket, Listener, Listening, Medium, Peer } from './medium.ts';
import { BoundFile } from './socket-file.ts';
import {
  type Description,
  dialSocket,
  inheritedError,
  listenError,
  listenSocket,
} from './sockets.ts';

/** Where a Unix socket is, or shall be. */
export interface UnixOptions {
  /** The socket's path; at most 107 bytes, which is the system's limit. */
  readonly path: string;
  /** Listener only: permissions of the socket file. Default `0o600`: its owner alone. */
  readonly mode?: number;
}

const checks: Checks<UnixOptions> = { path: ofType('string'), mode: wholeNumber(0, 0o777) };

/** Longest path that fits into a socket address; Node would cut a longer one short, silently. */
const maxPathBytes = 107;

class Unix implements Medium, Listener {
  readonly address: string;
  readonly #path: string;
  readonly #mode: number;

  constructor(options: UnixOptions) {
    const { path, mode } = resolveOptions('unix option', options, { mode: 0o600 }, checks);
    checks.path('path', path);
    if (path === '' || path.includes('\0') || Buffer.byteLength(path) > maxPathBytes) {
      throw new HoldfastError(
        'ERR_HOLDFAST_URL',
        `Socket path must have 1 to ${maxPathBytes} bytes and no NUL, got ${Buffer.byteLength(path)} bytes: ${show(path)}`,
        { final: true },
      );
    }
    this.#path = path;
    this.#mode = mode;
    this.address = `unix:${path}`;
  }

  async dial(signal: AbortSignal): Promise<Channel> {
    try {
      return await dialSocket({ path: this.#path }, () => this.#peer(), signal);
    } catch (error) {
      if (codeOf(error) !== 'EACCES') throw error;
      const message = `Cannot connect to ${this.address}: permission denied`;
      throw new HoldfastError('ERR_HOLDFAST_DIAL', message, { cause: error, final: true });
    }
  }

  async listen(accept: (channel: Channel) => void): Promise<Listening> {
    try {
      return await this.#bind(accept);
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE') throw await this.#explain(error);
    }
    const found = await statOf(this.#path);
    if (found !== undefined && !found.isSocket()) {
      const message = `Cannot listen at ${this.address}: there is a file that is not a socket`;
      throw new HoldfastError('ERR_HOLDFAST_LISTEN', message, { final: true });
    }
    const isStale = found !== undefined && !(await isListening(this.#path));
    try {
      // A server that was killed left the file behind. It is removed in the turn in which the new
      // one is made: another server may be after it too, and must keep what it has made meanwhile.
      if (isStale) removeIfSame(this.#path, found);
      return await this.#bind(accept);
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  adopt(socket: InheritedSocket, accept: (channel: Channel) => void): Promise<Listening> {
    const describe = (server: net.Server): Description => {
      // Of a Unix socket that it did not bind, Node knows no address.
      if (server.address() !== null) {
        throw inheritedError(socket, `it is no Unix socket, but it is for ${this.address}`);
      }
      const path = boundPath(socket.fd);
      if (path !== undefined && socket.url === undefined && path !== resolve(this.#path)) {
        throw inheritedError(socket, `it is unix:${path}, but it is for ${this.address}`);
      }
      if (socket.file?.isOurs) chmodSync(socket.file.path, this.#mode);
      return { url: this.address, peer: () => this.#peer() };
    };
    return listenSocket({ address: this.address, at: socket, describe }, accept);
  }

  /** Says what is wrong; libuv says `EACCES` also where the folder is missing. */
  async #explain(error: unknown): Promise<HoldfastError> {
    const cause =
      codeOf(error) === 'EACCES' ? await lstat(dirname(this.#path)).catch(missing) : undefined;
    return listenError(this.address, cause instanceof Error ? cause : error);
  }

  async #bind(accept: (channel: Channel) => void): Promise<Listening> {
    // The file must not be open to others even for a moment, so the mask is set before it is made.
    const mask = setMask(0o777 & ~this.#mode);
    let listening: Promise<Listening>;
    try {
      const describe = (): Description => ({
        url: this.address,
        peer: () => this.#peer(),
        file: BoundFile.at(this.#path),
      });
      const at = { path: this.#path };
      listening = listenSocket({ address: this.address, at, describe }, accept);
    } finally {
      if (mask !== undefined) setMask(mask);
    }
    const result = await listening;
    if (mask === undefined) await chmod(this.#path, this.#mode);
    return result;
  }

  #peer(): Peer {
    return { medium: 'unix', address: this.#path };
  }
}

/** Sets the process's file mode mask; a worker thread may not, and then only `chmod` is left. */
function setMask(mask: number): number | undefined {
  try {
    return process.umask(mask);
  } catch {
    return undefined;
  }
}

/** What is at `path`, if it can be told. */
function statOf(path: string): Promise<BigIntStats | undefined> {
  return lstat(path, { bigint: true }).catch(() => undefined);
}

/** Of the errors of `lstat` the one that says that there is nothing. */
function missing(error: Error): Error | undefined {
  return codeOf(error) === 'ENOENT' ? error : undefined;
}

/** Removes the file, unless it is another one than it was. */
function removeIfSame(path: string, was: BigIntStats): void {
  const is = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (is?.ino === was.ino && is.ctimeNs === was.ctimeNs) unlinkSync(path);
}

/** True unless it is certain that nobody listens on the socket file at `path`. */
function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => resolve(codeOf(error) !== 'ECONNREFUSED'));
  });
}

/** A Unix socket's address, to dial or to listen on. */
export function unix(options: UnixOptions): Medium & Listener {
  return new Unix(options);
}
