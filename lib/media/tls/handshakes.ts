import type { Socket } from 'node:net';
import { Alarm, wheelOf } from '../../retry/timer-wheel.ts';
import { systemClock } from '../../util/clock.ts';

/** So many handshakes may be under way at a listener; a connection beyond that is closed. */
const maxHandshakes = 1_000;

/**
 * The connections of a listener that are not handed over yet, so that they are bounded and end with
 * the listener. Node gives a secured connection as an object of its own: they are told apart by
 * where they come from.
 */
export class Handshakes {
  readonly #sockets = new Map<string, Socket>();
  #onNone: (() => void) | undefined;

  /** A connection came. */
  add(socket: Socket): void {
    const name = nameOf(socket);
    if (this.#sockets.size >= maxHandshakes) {
      socket.destroy();
      return;
    }
    this.#sockets.set(name, socket);
    socket.once('close', () => {
      if (this.#sockets.get(name) === socket) this.#delete(name);
    });
  }

  /** The connection is the user's from now on. */
  handOver(secured: Socket): void {
    this.#delete(nameOf(secured));
  }

  /** Resolves when none is left; what is not over in time is ended. */
  finish(patienceMs: number): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve();
    const wheel = wheelOf(systemClock);
    wheel.hold();
    return new Promise((resolve) => {
      const alarm = new Alarm(wheel, () => this.destroyAll());
      alarm.set(systemClock.now() + patienceMs);
      this.#onNone = () => {
        alarm.clear();
        wheel.release();
        resolve();
      };
    });
  }

  /** Ends those that are left. */
  destroyAll(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
  }

  #delete(name: string): void {
    this.#sockets.delete(name);
    if (this.#sockets.size > 0) return;
    this.#onNone?.();
    this.#onNone = undefined;
  }
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
