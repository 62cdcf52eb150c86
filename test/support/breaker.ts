import net, { type AddressInfo, type Socket } from 'node:net';

/** One connection through a {@link Breaker}: a client's socket joined to a server's. */
export class Line {
  readonly client: Socket;
  readonly server: Socket;
  /** Bytes from the client that were passed on so far. */
  passed = 0;

  constructor(client: Socket, server: Socket) {
    this.client = client;
    this.server = server;
  }

  /** Ends both sides in order: the client sees FIN. */
  fin(): void {
    this.client.end();
    this.server.end();
  }

  /** Resets both sides. */
  reset(): void {
    this.client.resetAndDestroy();
    this.server.resetAndDestroy();
  }

  /** Passes nothing on any more, in both directions, and says nothing. */
  stall(): void {
    for (const socket of [this.client, this.server]) {
      socket.removeAllListeners('data');
      socket.pause();
    }
  }
}

/**
 * A TCP proxy in front of a server, which breaks connections on request. `limit` bytes of the
 * client's stream are passed on to the server; then `onLimit` decides what happens.
 */
export class Breaker {
  readonly lines: Line[] = [];
  /** Bytes of the next connections that may pass from client to server. */
  limit: number = Number.POSITIVE_INFINITY;
  onLimit: (line: Line) => unknown = (line) => line.reset();
  readonly #server: net.Server;
  readonly #target: net.NetConnectOpts;

  constructor(target: net.NetConnectOpts) {
    this.#target = target;
    this.#server = net.createServer({ noDelay: true }, (client) => this.#join(client));
  }

  /** A breaker of the same kind, TCP or Unix, as the server at `url`. */
  static async before(url: string): Promise<Breaker> {
    const { protocol, hostname, port, pathname } = new URL(url);
    const isUnix = protocol === 'unix:';
    const target = isUnix ? { path: pathname } : { host: hostname, port: Number(port) };
    const breaker = new Breaker(target);
    const address = isUnix ? { path: `${pathname}.breaker` } : { port: 0, host: hostname };
    await new Promise<void>((resolve) => breaker.#server.listen(address, resolve));
    return breaker;
  }

  get url(): string {
    const address = this.#server.address() as AddressInfo | string;
    return typeof address === 'string'
      ? `unix:${address}`
      : `tcp://${address.address}:${address.port}`;
  }

  /** The connection that was made last. */
  get last(): Line {
    return this.lines.at(-1) as Line;
  }

  async close(): Promise<void> {
    for (const { client, server } of this.lines) {
      client.destroy();
      server.destroy();
    }
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket): void {
    const server = net.connect({ ...this.#target, noDelay: true } as net.NetConnectOpts);
    const line = new Line(client, server);
    const { limit } = this;
    this.lines.push(line);
    for (const socket of [client, server]) socket.on('error', () => {});
    client.on('data', (chunk: Buffer) => {
      const room = limit - line.passed;
      const passed = chunk.subarray(0, room);
      line.passed += passed.length;
      if (passed.length > 0) server.write(passed);
      if (line.passed >= limit) {
        client.pause();
        // What was passed must have left before the line breaks.
        server.write('', () => this.onLimit(line));
      }
    });
    server.on('data', (chunk: Buffer) => client.write(chunk));
    client.on('end', () => server.end());
    server.on('end', () => client.end());
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
  }
}
