import net, { type AddressInfo, type Socket } from 'node:net';

/** `up` is from the client to the server. */
export type Direction = 'up' | 'down';

/** One connection through a {@link Middleman}. */
class Line {
  readonly #ends: Readonly<Record<Direction, { from: Socket; to: Socket }>>;
  readonly #sockets: readonly Socket[];
  /** Called with each chunk that comes from the client. */
  onUp: () => void = () => {};
  readonly #halted = new Set<Direction>();
  #chunksDown = 0;
  readonly #waiters: { readonly count: number; readonly tell: () => void }[] = [];
  #bytesPerMs = Number.POSITIVE_INFINITY;
  /** Half of it is cut: what happens on one side is not passed on any more. */
  #isCut = false;

  constructor(client: Socket, server: Socket) {
    this.#ends = { up: { from: client, to: server }, down: { from: server, to: client } };
    this.#sockets = [client, server];
    this.#join('up');
    this.#join('down');
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.on('error', () => {});
      socket.on('close', () => {
        if (!this.#isCut) other.destroy();
      });
    }
  }

  /** Reads nothing more from where the direction begins; its sender's window closes. */
  halt(direction: Direction): void {
    this.#halted.add(direction);
    this.#ends[direction].from.pause();
  }

  /** Resolves when so many chunks more have come from the server. */
  passedDown(count: number): Promise<void> {
    return new Promise((tell) => this.#waiters.push({ count: this.#chunksDown + count, tell }));
  }

  /** Goes on after {@link halt}. */
  resume(direction: Direction): void {
    this.#halted.delete(direction);
    this.#ends[direction].from.resume();
  }

  /** From now on both directions pass no more than so much. */
  slow(bytesPerMs: number): void {
    this.#bytesPerMs = bytesPerMs;
  }

  /** Says to the far end of a direction that no more will come, and passes nothing on there. */
  cut(direction: Direction): void {
    this.#isCut = true;
    const { from, to } = this.#ends[direction];
    from.removeAllListeners('data');
    from.resume();
    to.end();
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #count(direction: Direction): void {
    if (direction === 'up') {
      this.onUp();
      return;
    }
    this.#chunksDown++;
    for (const { count, tell } of this.#waiters) if (count <= this.#chunksDown) tell();
  }

  #join(direction: Direction): void {
    const { from, to } = this.#ends[direction];
    const goOn = (): void => {
      if (!this.#halted.has(direction)) from.resume();
    };
    from.on('data', (chunk: Buffer) => {
      this.#count(direction);
      const isFull = !to.write(chunk);
      const ms = chunk.length / this.#bytesPerMs;
      if (!isFull && ms === 0) return;
      from.pause();
      if (isFull) to.once('drain', () => setTimeout(goOn, ms));
      else setTimeout(goOn, ms);
    });
    from.on('end', () => {
      if (!this.#isCut) to.end();
    });
  }
}

/** A TCP relay in front of a server that keeps to the letter of TCP, and does its worst with it. */
export class Middleman {
  readonly lines: Line[] = [];
  /** Called with each new connection. */
  onLine: (line: Line) => void = () => {};
  readonly #server: net.Server;

  private constructor(target: { readonly host: string; readonly port: number }) {
    const half = { allowHalfOpen: true, noDelay: true };
    this.#server = net.createServer(half, (client) => {
      const line = new Line(client, net.connect({ ...target, ...half }));
      this.lines.push(line);
      this.onLine(line);
    });
  }

  /** @param url of a server, by TCP */
  static async before(url: string): Promise<Middleman> {
    const { hostname, port } = new URL(url);
    const middleman = new Middleman({ host: hostname, port: Number(port) });
    await new Promise<void>((resolve) => middleman.#server.listen(0, '127.0.0.1', resolve));
    return middleman;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The connection that was made last. */
  get last(): Line {
    return this.lines.at(-1) as Line;
  }

  async close(): Promise<void> {
    for (const line of this.lines) line.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
