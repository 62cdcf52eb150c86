import net, { type AddressInfo } from 'node:net';
import { expect } from 'chai';
import { FrameType, lengthBytes, preamble } from '../../lib/protocols/holdfast/frames.ts';
import { clientHello, listOf, type RawFrame, serverHello } from './raw-frames.ts';

export * from './raw-frames.ts';

/** A link's end as its owner told it in a FAULT frame. */
export interface RawFault {
  readonly code: string;
  readonly message: string;
  readonly retryAfterMs: unknown;
  readonly final: unknown;
}

/** One end of a connection that speaks the protocol by hand, well or badly. */
export class RawPeer {
  readonly socket: net.Socket;
  /** Resolves when the connection is closed, however. */
  readonly closed: Promise<void>;
  /** Frames that nobody has taken yet. */
  readonly frames: RawFrame[] = [];
  hasEnded = false;
  receivedBytes = 0;
  /** What came and is no whole frame yet. */
  #chunks: Buffer[] = [];
  #held = 0;
  #wanted = preamble.length;
  #hasPreamble = false;
  #waiters: (() => void)[] = [];

  constructor(socket: net.Socket) {
    this.socket = socket;
    peers.add(this);
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        peers.delete(this);
        this.hasEnded = true;
        this.#wake();
        resolve();
      });
    });
    // A reset is an end like any other to a peer that expects the worst.
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
  }

  /** Connects and says nothing. */
  static async connect(url: string): Promise<RawPeer> {
    const { hostname, port } = new URL(url);
    const socket = net.connect({ host: hostname, port: Number(port), noDelay: true });
    const peer = new RawPeer(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return peer;
  }

  /** Connects as a client that has said hello and read the server's. */
  static async greeted(url: string, fields?: Record<string, unknown>): Promise<RawPeer> {
    const peer = await RawPeer.connect(url);
    peer.send(clientHello(fields));
    expect((await peer.next()).type).to.equal(FrameType.hello);
    return peer;
  }

  send(...parts: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** Resolves when the bytes are with the operating system: not while the far end does not read. */
  sendAll(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.socket.write(bytes, () => resolve());
    });
  }

  /** Sends the bytes and ends the own direction. */
  sendLast(...parts: readonly Uint8Array[]): void {
    this.socket.end(Buffer.concat(parts));
  }

  /** Reads until so many bytes have come in all, and then no more until `socket.resume()`. */
  async receive(byteLength: number): Promise<void> {
    this.socket.resume();
    while (this.receivedBytes < byteLength && !this.hasEnded) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    this.socket.pause();
  }

  /** The next frame; fails when the connection ends before there is one. */
  async next(): Promise<RawFrame> {
    while (this.frames.length === 0) {
      if (this.hasEnded) throw new Error('The connection ended before a frame came');
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    return this.frames.shift() as RawFrame;
  }

  /** The next frame of this type; the frames before it are thrown away. */
  async nextOf(type: number): Promise<RawFrame> {
    for (;;) {
      const found = await this.next();
      if (found.type === type) return found;
    }
  }

  /** Everything up to the end of the connection must be followed by a FAULT and nothing else. */
  async fault(): Promise<RawFault> {
    const [code, message, retryAfterMs, final] = listOf(await this.nextOf(FrameType.fault));
    await this.closed;
    expect(this.frames, 'frames behind the FAULT').to.deep.equal([]);
    return { code: String(code), message: String(message), retryAfterMs, final };
  }

  destroy(): void {
    this.socket.destroy();
  }

  #onData(chunk: Buffer): void {
    this.receivedBytes += chunk.length;
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held >= this.#wanted) this.#take(Buffer.concat(this.#chunks));
    this.#wake();
  }

  /** Takes whole frames off the front; what is left waits for as many bytes as it needs. */
  #take(bytes: Buffer): void {
    let at = 0;
    if (!this.#hasPreamble) {
      expect(bytes.subarray(0, preamble.length).equals(preamble)).to.equal(true);
      at = preamble.length;
      this.#hasPreamble = true;
    }
    for (;;) {
      const left = bytes.length - at;
      this.#wanted = left < lengthBytes ? lengthBytes : lengthBytes + bytes.readUInt32BE(at);
      if (left < this.#wanted || left < lengthBytes) break;
      const body = Buffer.from(bytes.subarray(at + lengthBytes + 1, at + this.#wanted));
      this.frames.push({ type: bytes[at + lengthBytes] as number, body });
      at += this.#wanted;
    }
    this.#chunks = [bytes.subarray(at)];
    this.#held = bytes.length - at;
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}

const peers = new Set<RawPeer>();

/** Ends every raw peer that a test has left open. */
export async function endRawPeers(): Promise<void> {
  const closed = [...peers].map((peer) => peer.closed);
  for (const peer of peers) peer.destroy();
  await Promise.all(closed);
}

/** A server that speaks the protocol by hand: each connection does what the test says. */
export class RawServer {
  /** Connections so far, oldest first. */
  readonly peers: RawPeer[] = [];
  readonly #server: net.Server;

  constructor(onPeer: (peer: RawPeer, index: number) => unknown) {
    this.#server = net.createServer({ noDelay: true }, (socket) => {
      const peer = new RawPeer(socket);
      this.peers.push(peer);
      onPeer(peer, this.peers.length - 1);
    });
  }

  static async listen(onPeer: (peer: RawPeer, index: number) => unknown): Promise<RawServer> {
    const server = new RawServer(onPeer);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get url(): string {
    return `tcp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = this.peers.map((peer) => peer.closed);
    for (const peer of this.peers) peer.destroy();
    await Promise.all([...closed, new Promise((resolve) => this.#server.close(resolve))]);
  }
}

/** Says hello to a client as soon as its own hello is there. */
export async function greet(peer: RawPeer, fields?: Record<string, unknown>): Promise<void> {
  await peer.nextOf(FrameType.hello);
  peer.send(serverHello(fields));
}
