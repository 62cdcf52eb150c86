import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { nameOf, RequestReader } from './requests.ts';

/** How often requests began to be answered, by name: the server has executed them then. */
export type Answered = Map<string, number>;

const hello = nameOf('hello', []);

/** One connection of a client, joined to one of the server. */
export class Passage {
  /** Called when the server begins to answer, with what it says; true keeps that from the client. */
  onAnswer: (() => boolean) | undefined;
  /** Called once so many bytes have come to the client. */
  onLoad: { readonly bytes: number; readonly call: () => unknown } | undefined;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #answered: Answered;
  readonly #requests = new RequestReader();
  #asked: string | undefined;
  #loaded = 0;
  #isSilent = false;
  /** Both ends are closed, and the client's side has been told. */
  readonly closed: Promise<unknown>;

  constructor(client: Socket, server: Socket, answered: Answered, readsRequests: boolean) {
    this.#client = client;
    this.#server = server;
    this.#answered = answered;
    this.closed = Promise.all([closedOf(client), closedOf(server)]);
    client.on('data', (chunk: Buffer) => this.#up(chunk, readsRequests));
    server.on('data', (chunk: Buffer) => this.#down(chunk));
    server.on('end', () => this.#isSilent || client.destroySoon());
    server.on('error', () => this.#isSilent || client.resetAndDestroy());
    client.on('error', () => server.destroy());
    client.on('close', () => this.#isSilent || server.destroySoon());
  }

  /** Ends the connection in order, as an idle limit does. */
  async fin(): Promise<void> {
    this.#server.destroy();
    this.#client.destroySoon();
    await this.closed;
  }

  /** Resets it. */
  async reset(): Promise<void> {
    this.#server.destroy();
    this.#client.resetAndDestroy();
    await this.closed;
  }

  /** Nothing passes any more, and nobody is told. */
  silence(): void {
    this.#isSilent = true;
    this.#client.pause();
    this.#server.pause();
  }

  /** Says something to the client that the server did not say. */
  async stray(text: string): Promise<void> {
    await new Promise<unknown>((resolve) => this.#client.write(text, resolve));
  }

  destroy(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  #up(chunk: Buffer, readsRequests: boolean): void {
    if (!this.#server.destroyed) this.#server.write(chunk);
    if (!readsRequests) return;
    for (const name of this.#requests.push(chunk)) this.#asked = name;
  }

  #down(chunk: Buffer): void {
    const name = this.#asked;
    this.#asked = undefined;
    if (name !== undefined && name !== hello) {
      this.#answered.set(name, (this.#answered.get(name) ?? 0) + 1);
      if (this.onAnswer?.() === true) this.#isSilent = true;
    }
    if (this.#isSilent) return;
    this.#client.write(chunk);
    this.#loaded += chunk.length;
    const load = this.onLoad;
    if (load === undefined || this.#loaded < load.bytes) return;
    this.onLoad = undefined;
    load.call();
  }
}

/**
 * Stands between a client and servers, and breaks connections on request. What it counts is what
 * has come to the servers.
 */
export class Door {
  /** Where the next connections lead to. */
  target: number;
  readonly answered: Answered = new Map();
  /** Told of each new connection. */
  onPassage: ((passage: Passage) => unknown) | undefined;
  readonly #readsRequests: boolean;
  readonly #passages: Passage[] = [];
  #server: Server | undefined;
  #port = 0;

  /** @param readsRequests what passes are requests, to be counted */
  constructor(target: number, readsRequests = true) {
    this.target = target;
    this.#readsRequests = readsRequests;
  }

  get port(): number {
    return this.#port;
  }

  /** The connection that was made last. */
  get last(): Passage {
    const passage = this.#passages.at(-1);
    if (passage === undefined) throw new Error('No connection was made');
    return passage;
  }

  /** Takes connections; again after {@link shut}, at the same port. */
  async open(): Promise<void> {
    const server = createServer({ noDelay: true }, (client) => this.#join(client));
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Connections are refused from now on; those that are there stay. */
  shut(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** Ends everything. */
  async close(): Promise<void> {
    this.shut();
    for (const passage of this.#passages) passage.destroy();
    await Promise.all(this.#passages.map(({ closed }) => closed));
  }

  #join(client: Socket): void {
    const server = connect({ host: '127.0.0.1', port: this.target, noDelay: true });
    const passage = new Passage(client, server, this.answered, this.#readsRequests);
    this.#passages.push(passage);
    this.onPassage?.(passage);
  }
}

async function closedOf(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise<unknown>((resolve) => socket.once('close', resolve));
}
