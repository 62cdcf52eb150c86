import { chmod, unlink } from 'node:fs/promises';
import net from 'node:net';
import { codeOf, HoldfastError } from '../errors.ts';
import { type Checks, ofType, resolveOptions, show, wholeNumber } from '../util/check.ts';
import type { Channel, Listener, Listening, Medium, Peer } from './medium.ts';
import { dialSocket, listenError, listenSocket } from './sockets.ts';

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
      if (codeOf(error) !== 'EADDRINUSE' || !(await isStale(this.#path))) {
        throw listenError(this.address, error);
      }
    }
    // A server that was killed left the file behind and nobody listens: it may be replaced.
    try {
      await unlink(this.#path);
      return await this.#bind(accept);
    } catch (error) {
      throw listenError(this.address, error);
    }
  }

  async #bind(accept: (channel: Channel) => void): Promise<Listening> {
    // The file must not be open to others even for a moment, so the mask is set before it is made.
    const mask = setMask(0o777 & ~this.#mode);
    let listening: Promise<Listening>;
    try {
      listening = listenSocket(
        { path: this.#path },
        () => ({ url: this.address, peer: () => this.#peer() }),
        accept,
      );
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

/** True when there is a socket file at `path` and nobody listens on it. */
function isStale(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error) => resolve(codeOf(error) === 'ECONNREFUSED'));
  });
}

/** A Unix socket's address, to dial or to listen on. */
export function unix(options: UnixOptions): Medium & Listener {
  return new Unix(options);
}
