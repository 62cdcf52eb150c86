import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { Path } from './path.ts';

/**
 * A TCP proxy between client and server that behaves like a bad network: it delays, ends, resets,
 * cuts and goes silent when it is told to. Each connection leads to the server of that moment.
 */
export class Breaker {
  /** Where new connections lead to. */
  serverPort: number;
  readonly #server: net.Server;
  readonly #paths = new Set<Path>();
  #cutAfter: { leftBytes: number; onCut: () => void } | undefined;

  private constructor(serverPort: number, delayMs: number) {
    this.serverPort = serverPort;
    this.#server = net.createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
      let seenBytes = 0;
      const onRequestBytes = (path: Path): void => {
        this.#count(path, path.requestBytes - seenBytes);
        seenBytes = path.requestBytes;
      };
      const onClosed = (path: Path): void => {
        this.#paths.delete(path);
      };
      this.#paths.add(new Path(near, this.serverPort, delayMs, onRequestBytes, onClosed));
    });
  }

  /** Starts a breaker in front of a server; bytes take `delayMs` each way. */
  static async start(serverPort: number, delayMs: number): Promise<Breaker> {
    const breaker = new Breaker(serverPort, delayMs);
    breaker.#server.listen(0, '127.0.0.1');
    await once(breaker.#server, 'listening');
    return breaker;
  }

  /** Where clients connect to. */
  get url(): string {
    return `tcp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends every connection politely. */
  finish(): void {
    for (const path of this.#paths) path.finish();
  }

  /** Resets every connection. */
  reset(): void {
    for (const path of this.#paths) path.reset();
  }

  /** Lets every connection go silent, new ones excepted. The result ends the silence. */
  stall(isDeliveredLate: boolean): () => void {
    const stalled = [...this.#paths];
    for (const path of stalled) path.stall(isDeliveredLate);
    return () => {
      for (const path of stalled) path.release();
    };
  }

  /** Resets the connection on which the client sends the last of the next `byteCount` bytes. */
  cutAfter(byteCount: number): Promise<void> {
    return new Promise((resolve) => {
      this.#cutAfter = { leftBytes: byteCount, onCut: resolve };
    });
  }

  /** Resets what is left, and ends. */
  async close(): Promise<void> {
    this.#server.close();
    this.reset();
    await once(this.#server, 'close');
  }

  #count(path: Path, byteCount: number): void {
    const cut = this.#cutAfter;
    if (cut === undefined) return;
    cut.leftBytes -= byteCount;
    if (cut.leftBytes > 0) return;
    this.#cutAfter = undefined;
    path.reset();
    cut.onCut();
  }
}
