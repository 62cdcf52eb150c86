import { once } from 'node:events';
import type { AddressInfo, ListenOptions, Server, Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { Unpackr } from 'msgpackr';
import { FrameBatch } from './frame-batch.ts';
import { FrameReader, readInt32 } from './frame-reader.ts';

/** Answers a call; the value, or a promise of it. */
export type FloorHandler = (argument: unknown) => unknown;

/** Replies leave when so much of them waits, so that the client works meanwhile. */
const earlyFlushBytes = 4096;

const unpackr = new Unpackr({ useRecords: false });
/** One object for all frames; msgpackr reads it before it returns. */
const range = { start: 0, end: 0 };

/** Serves one connection of the floor; a verb is its handler's index. */
export class FloorConnection {
  readonly #handlers: readonly FloorHandler[];
  readonly #batch: FrameBatch;

  constructor(readable: Readable, writable: Writable, handlers: readonly FloorHandler[]) {
    this.#handlers = handlers;
    this.#batch = new FrameBatch(writable);
    const reader = new FrameReader((memory, start, end) => this.#onRequest(memory, start, end));
    readable.on('data', (chunk: Buffer) => {
      reader.push(chunk, chunk.length);
      this.#batch.flush();
    });
    readable.on('error', () => readable.destroy());
    writable.on('error', () => writable.destroy());
  }

  #onRequest(memory: Buffer, start: number, end: number): void {
    const id = readInt32(memory, start);
    range.start = start + 5;
    range.end = end;
    try {
      const result = this.#handlers[memory[start + 4]!]!(unpackr.unpack(memory, range));
      if (result instanceof Promise) this.#answerLater(id, result);
      else this.#batch.add(id, 0, result);
    } catch (error) {
      this.#batch.add(id, 1, String(error));
    }
    if (this.#batch.waitingBytes >= earlyFlushBytes) this.#batch.flush();
  }

  #answerLater(id: number, result: Promise<unknown>): void {
    const answer = (code: number, value: unknown): void => {
      if (this.#batch.waitingBytes === 0) process.nextTick(() => this.#batch.flush());
      this.#batch.add(id, code, value);
    };
    result.then(
      (value) => answer(0, value),
      (error: unknown) => answer(1, String(error)),
    );
  }
}

/** The floor on a server of Node's, which is not listening yet. */
export class FloorServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** The connection that was made last. */
  last: Socket | undefined;

  /** @param event what the server calls a new connection that can be used */
  constructor(
    server: Server,
    event: 'connection' | 'secureConnection',
    handlers: readonly FloorHandler[],
  ) {
    this.#server = server;
    server.on(event, (socket: Socket) => {
      this.last = socket;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      new FloorConnection(socket, socket, handlers);
    });
  }

  /** Resolves with the address that clients connect to: a port or a path. */
  async listen(where: ListenOptions): Promise<string> {
    this.#server.listen(where);
    await once(this.#server, 'listening');
    const address = this.#server.address() as AddressInfo | string;
    return typeof address === 'string' ? address : String(address.port);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
