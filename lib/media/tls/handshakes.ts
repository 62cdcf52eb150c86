import type { Socket } from 'node:net';

/** So many handshakes may be under way at a listener; a connection beyond that is closed. */
const maxHandshakes = 1_000;

/**
 * The connections of a listener that are not handed over yet, so that they are bounded and end with
 * the listener. Node gives a secured connection as an object of its own: they are told apart by
 * where they come from.
 */
export class Handshakes {
  readonly #sockets = new Map<string, Socket>();

  /** A connection came. */
  add(socket: Socket): void {
    const name = nameOf(socket);
    if (this.#sockets.size >= maxHandshakes) {
      socket.destroy();
      return;
    }
    this.#sockets.set(name, socket);
    socket.once('close', () => {
      if (this.#sockets.get(name) === socket) this.#sockets.delete(name);
    });
  }

  /** The connection is the user's from now on. */
  handOver(secured: Socket): void {
    this.#sockets.delete(nameOf(secured));
  }

  /** Ends those that are left. */
  destroyAll(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
  }
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
