import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

interface Crossing {
  readonly near: Socket;
  readonly far: Socket;
  /** The client hears no more of the server, not even that it has ended. */
  isHeld: boolean;
}

/** A path to a port of 127.0.0.1 that can be broken while a call is on its way. */
export class BreakablePath {
  readonly #target: number;
  readonly #crossings = new Set<Crossing>();
  #server: Server;

  private constructor(target: number) {
    this.#target = target;
    this.#server = this.#makeServer();
  }

  /** Listens on a free port; the caller closes it. */
  static async start(target: number): Promise<BreakablePath> {
    const path = new BreakablePath(target);
    await path.open();
    return path;
  }

  port = 0;

  /** Takes connections, after {@link close} at the same port as before. */
  async open(): Promise<void> {
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  /**
   * Nothing comes through any more, in either direction, from the answer to the next request on. The
   * connections of now stay as they are; on new ones everything comes through.
   *
   * @returns resolves when an answer was held back: a server has the request, a client waits
   */
  hold(): Promise<void> {
    return new Promise((resolve) => {
      for (const crossing of this.#crossings) {
        const { near, far } = crossing;
        crossing.isHeld = true;
        far.unpipe(near);
        let isAsked = false;
        near.on('data', () => {
          isAsked = true;
        });
        far.on('data', () => {
          if (!isAsked) return;
          near.unpipe(far);
          resolve();
        });
        // What is unpiped stands still.
        far.resume();
      }
    });
  }

  /** Ends all connections, at both ends. */
  cut(): void {
    for (const { near, far } of this.#crossings) {
      near.destroy();
      far.destroy();
    }
  }

  /** Ends all connections, and refuses new ones until {@link open}. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
    this.#server = this.#makeServer();
  }

  #makeServer(): Server {
    return createServer({ noDelay: true }, (near) => {
      const far = connect({ port: this.#target, host: '127.0.0.1', noDelay: true });
      const crossing: Crossing = { near, far, isHeld: false };
      this.#crossings.add(crossing);
      near.pipe(far);
      far.pipe(near);
      for (const socket of [near, far]) socket.on('error', () => {});
      near.on('close', () => {
        this.#crossings.delete(crossing);
        far.destroy();
      });
      far.on('close', () => {
        if (!crossing.isHeld) near.destroy();
      });
    });
  }
}
