import type { Socket } from 'node:net';
import type { Channel, ChannelUser, Peer } from './medium.ts';

/** A channel over a `net.Socket` that is connected already: TCP, Unix, and what builds on them. */
export class SocketChannel implements Channel {
  readonly peer: Peer;
  readonly #socket: Socket;
  #user: ChannelUser | undefined;
  #cause: Error | undefined;
  #dead = false;
  #isClosed = false;
  /** Who is told of writes, and how Node says it; a link always names the same. */
  #taken: ((possibly: boolean) => void) | undefined;
  #done: ((error?: Error | null) => void) | undefined;

  constructor(socket: Socket, peer: Peer) {
    this.#socket = socket;
    this.peer = peer;
    // Listening from the first moment: an error without a listener would end the process.
    socket.on('error', (error) => {
      this.#dead = true;
      this.#cause ??= error;
    });
    // Destroy at once: otherwise Node goes on sending what is queued, and a server may act on it.
    socket.on('end', () => this.destroy());
    socket.on('close', () => this.#closed());
    socket.unref();
  }

  get dead(): boolean {
    const { destroyed, errored, readableEnded, writable } = this.#socket;
    return this.#dead || destroyed || errored !== null || readableEnded || !writable;
  }

  get isThrough(): boolean {
    return this.#socket.writableLength === 0;
  }

  start(user: ChannelUser): void {
    this.#user = user;
    // Node's own `closed` says it before the `close` event has come.
    if (this.#isClosed) {
      process.nextTick(() => this.#closed());
      return;
    }
    this.#socket.on('data', (chunk: Buffer) => user.onBytes(chunk));
  }

  /** Hands over a chunk that was read by other means than the `data` event. */
  receive(chunk: Buffer): void {
    this.#user?.onBytes(chunk);
  }

  /** Where the user wants the next bytes. */
  readInto(): Buffer | undefined {
    return this.#user?.readInto?.();
  }

  write(parts: readonly Uint8Array[], taken: (possibly: boolean) => void): void {
    const socket = this.#socket;
    const last = parts.length - 1;
    const done = this.#doneFor(taken);
    if (last === 0) {
      socket.write(parts[0] as Uint8Array, done);
      return;
    }
    // Where a part fails the socket is destroyed, and the last part is told so too.
    socket.cork();
    for (let index = 0; index < last; index++) socket.write(parts[index] as Uint8Array);
    socket.write(parts[last] as Uint8Array, done);
    socket.uncork();
  }

  #doneFor(taken: (possibly: boolean) => void): (error?: Error | null) => void {
    if (this.#done === undefined || taken !== this.#taken) {
      this.#taken = taken;
      // Node 20 reports no error for a write that it cancelled: `true` proves nothing by contract.
      this.#done = (error) => taken(!error);
    }
    return this.#done;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  close(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#dead = true;
    this.#socket.destroy();
  }

  #closed(): void {
    this.#dead = true;
    this.#isClosed = true;
    const user = this.#user;
    this.#user = undefined;
    user?.onClosed(this.#cause);
  }
}
