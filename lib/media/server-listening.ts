import type { Server } from 'node:net';
import type { InheritedSocket, Listening, ListeningSocket } from './medium.ts';
import { type BoundFile, keepingFile } from './socket-file.ts';
import type { Handshakes } from './tls/handshakes.ts';

/** What a {@link ServerListening} has to know of its server. */
export interface ServerFacts {
  readonly url: string;
  /** What the listener was told to listen at. */
  readonly address: string;
  /** The file of a Unix socket that was bound here, which Node removes at the end. */
  readonly file?: BoundFile | undefined;
  /** The socket, if it was made elsewhere; Node does not remove its file. */
  readonly inherited?: InheritedSocket | undefined;
  /** Connections that were taken and not handed over yet. */
  readonly handshakes?: Handshakes;
}

/** Handshakes that are under way when the socket is released may take so long. */
const handshakePatienceMs = 1_000;

/** A `net.Server` that listens. */
export class ServerListening implements Listening {
  readonly url: string;
  readonly #server: Server;
  readonly #facts: ServerFacts;

  constructor(server: Server, facts: ServerFacts) {
    this.url = facts.url;
    this.#server = server;
    this.#facts = facts;
  }

  get socket(): ListeningSocket | undefined {
    const fd = descriptorOf(this.#server);
    if (fd === undefined) return undefined;
    const { address, inherited, file = inherited?.file } = this.#facts;
    const name = inherited?.name;
    return {
      fd,
      address,
      ...(name === undefined ? {} : { name }),
      ...(file === undefined ? {} : { file }),
    };
  }

  async close(): Promise<void> {
    const { file, inherited, handshakes } = this.#facts;
    handshakes?.destroyAll();
    if (!this.#server.listening) return;
    if (file !== undefined && !file.isOurs) {
      keepingFile(file.path, () => this.#server.close());
    } else {
      inherited?.file?.remove();
      this.#server.close();
    }
    await handleClosed();
  }

  async release(): Promise<void> {
    const { file, handshakes } = this.#facts;
    if (!this.#server.listening) return;
    if (file === undefined) this.#server.close();
    else keepingFile(file.path, () => this.#server.close());
    await Promise.all([handleClosed(), handshakes?.finish(handshakePatienceMs)]);
  }
}

/** Accepted connections live on, so the callback of `close`, which waits for them, is of no use. */
function handleClosed(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Only the handle knows it; there is none on Windows and in a worker of a cluster. */
function descriptorOf(server: Server): number | undefined {
  const { _handle: handle } = server as unknown as { _handle?: { fd?: unknown } | null };
  const fd = handle?.fd;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}
