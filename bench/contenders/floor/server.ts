import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
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

/** Serves one connection of the floor. */
class FloorConnection {
  readonly #handlers: readonly FloorHandler[];
  readonly #batch: FrameBatch;

  constructor(socket: Socket, handlers: readonly FloorHandler[]) {
    this.#handlers = handlers;
    this.#batch = new FrameBatch(socket);
    const reader = new FrameReader((memory, start, end) => this.#onRequest(memory, start, end));
    socket.on('data', (chunk: Buffer) => {
      reader.push(chunk, chunk.length);
      this.#batch.flush();
    });
    socket.on('error', () => socket.destroy());
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

/** The server of the floor; a verb is its handler's index. */
export class FloorServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(handlers: readonly FloorHandler[]) {
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      new FloorConnection(socket, handlers);
    });
  }

  /** Listens on a free port of 127.0.0.1 and resolves with it. */
  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
