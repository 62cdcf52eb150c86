import { type Client, type ClientOptions, connect } from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { numberOf, type RawFrame, type RawPeer, RawServer, reply } from './raw-peer.ts';
import { verbs } from './verbs.ts';

/** How a connection begins; the calls on it are answered when this is done. */
export type Opening = (peer: RawPeer, index: number) => unknown;

/** What is done with a call that has come. */
export type Answering = (peer: RawPeer, number: number, index: number) => unknown;

/** Answers a call with its number. */
export function echo(peer: RawPeer, number: number): void {
  peer.send(reply(number, `reply ${number}`));
}

/** A server that does by hand what a test tells it, and a client of it that comes back quickly. */
export class ScriptedServer {
  readonly client: Client<typeof verbs>;
  /** Numbers of the calls that have come, by connection. */
  readonly calls: number[][] = [];
  /** What else has come behind the hello. */
  readonly others: RawFrame[] = [];
  readonly #server: RawServer;

  private constructor(
    server: RawServer,
    calls: number[][],
    others: RawFrame[],
    options: ClientOptions,
  ) {
    this.#server = server;
    this.calls = calls;
    this.others = others;
    const quick = { reconnectBaseMs: 5, reconnectCapMs: 20 };
    this.client = connect(server.url, verbs, { ...quick, ...options });
  }

  static async start(
    open: Opening,
    answer: Answering = echo,
    options: ClientOptions = {},
  ): Promise<ScriptedServer> {
    const calls: number[][] = [];
    const others: RawFrame[] = [];
    const server = await RawServer.listen(async (peer, index) => {
      const numbers: number[] = [];
      calls.push(numbers);
      await open(peer, index);
      for (;;) {
        const frame = await peer.next().catch(() => undefined);
        if (frame === undefined) return;
        if (frame.type === FrameType.call) {
          numbers.push(numberOf(frame));
          answer(peer, numberOf(frame), index);
        } else {
          others.push(frame);
        }
      }
    });
    return new ScriptedServer(server, calls, others, options);
  }

  get url(): string {
    return this.#server.url;
  }

  /** The connections so far, oldest first. */
  get peers(): readonly RawPeer[] {
    return this.#server.peers;
  }

  /** Ends both sides. */
  async close(): Promise<void> {
    this.client.destroy();
    await this.client.closed;
    await this.#server.close();
  }
}
