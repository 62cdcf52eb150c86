import net, { type AddressInfo, type Socket } from 'node:net';

/** How often a little is passed on. */
const tickMs = 25;

/** A TCP relay that takes from either side no more than it passes on, and passes on little. */
export class SlowPath {
  connections = 0;
  readonly #bytesPerTick: number;
  readonly #sockets = new Set<Socket>();
  readonly #server: net.Server;

  private constructor(url: URL, bytesPerSecond: number) {
    this.#bytesPerTick = Math.ceil((bytesPerSecond * tickMs) / 1_000);
    this.#server = net.createServer({ noDelay: true }, (client) => {
      this.connections++;
      const server = net.connect({ host: url.hostname, port: Number(url.port), noDelay: true });
      this.#pass(client, server);
      this.#pass(server, client);
    });
  }

  /** @param url of a server, by TCP */
  static async before(url: string, bytesPerSecond: number): Promise<SlowPath> {
    const path = new SlowPath(new URL(url), bytesPerSecond);
    await new Promise<void>((resolve) => path.#server.listen(0, '127.0.0.1', resolve));
    return path;
  }

  get url(): string {
    return `tcp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    let held: Buffer = Buffer.alloc(0);
    from.on('data', (chunk) => {
      held = chunk;
      from.pause();
    });
    const timer = setInterval(() => {
      if (held.length === 0) return;
      to.write(held.subarray(0, this.#bytesPerTick));
      held = held.subarray(this.#bytesPerTick);
      if (held.length === 0) from.resume();
    }, tickMs);
    from.on('error', () => {});
    from.on('close', () => {
      clearInterval(timer);
      this.#sockets.delete(from);
      to.destroy();
    });
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
