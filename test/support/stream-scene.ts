import {
  defineVerbs,
  mutate,
  read,
  type Server,
  type ServerOptions,
  serve,
} from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { clientHello, endRawPeers, ping, RawPeer, u48, unpack } from './raw-peer.ts';

/** Verbs with streams of each kind, and one without. */
export const streamVerbs = defineVerbs({
  watch: read.serverStream<string, unknown>(),
  upload: mutate.clientStream<string, unknown, unknown>(),
  chat: mutate.duplex<string, unknown, unknown>(),
  echo: read<string, string>(),
});

/** Their places in the table. */
export const place = { watch: 0, upload: 1, chat: 2, echo: 3 };

export type Handlers = Parameters<typeof serve<typeof streamVerbs>>[1];

/** A limit that nothing reaches. */
export const wide = 10_000_000;

/** A session's id. */
export function sessionOf(last: number): Buffer {
  return Buffer.alloc(16, 0x5e).fill(last, 15);
}

/** Everything that the peer has sent so far was read when this resolves. */
export async function roundTrip(peer: RawPeer): Promise<void> {
  peer.send(ping(7));
  await peer.nextOf(FrameType.pong);
}

/** A server with streams, and what its handlers note. */
export class StreamScene {
  server: Server | undefined;
  readonly noted: unknown[] = [];
  #wake: () => void = () => {};

  readonly handlers: Handlers = {
    watch: async function* (name) {
      for (let number = 1; number <= 3; number++) yield `${name} ${number}`;
    },
    upload: async (_, { items }) => {
      const all: unknown[] = [];
      try {
        for await (const each of items) {
          all.push(each);
          this.note(each);
        }
      } catch (error) {
        this.note(`failed: ${(error as Error).message}`);
        throw error;
      }
      return all;
    },
    chat: async function* (_, { items }) {
      for await (const each of items) yield `got ${each}`;
    },
    echo: (text) => text,
  };

  note(value: unknown): void {
    this.noted.push(value);
    this.#wake();
  }

  /** Resolves when so many things were noted. */
  async notes(count: number): Promise<readonly unknown[]> {
    while (this.noted.length < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.noted;
  }

  async listen(
    given: Partial<Handlers> = {},
    options: Omit<ServerOptions, 'listen'> = {},
  ): Promise<string> {
    const all: Handlers = { ...this.handlers, ...given };
    this.server = await serve(streamVerbs, all, { listen: 'tcp://127.0.0.1:0', ...options });
    return this.server.urls[0] as string;
  }

  /** A client that takes streams. */
  greeted(url: string, fields: Record<string, unknown> = {}): Promise<RawPeer> {
    return RawPeer.greeted(url, { streams: true, ...fields });
  }

  /** A session on another link, asking for one call; and its verdict. */
  async resumed(
    url: string,
    session: Buffer,
    number: number,
    fields: Record<string, unknown> = {},
  ): Promise<{ readonly peer: RawPeer; readonly verdict: string }> {
    const peer = await RawPeer.connect(url);
    peer.send(clientHello({ streams: true, session, resume: u48(number), ...fields }));
    const { body } = await peer.nextOf(FrameType.hello);
    const [code] = (unpack(body) as { verdicts: Uint8Array }).verdicts;
    const verdict = ['never', 'running', 'done', 'forgotten'][code as number] as string;
    return { peer, verdict };
  }

  async end(): Promise<void> {
    await endRawPeers();
    await this.server?.close();
  }
}
