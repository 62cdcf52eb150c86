import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Channel,
  isHoldfastError,
  type Listener,
  type Listening,
  type Server,
  serve,
} from '../../lib/index.ts';
import { until } from './road.ts';
import { Executions, verbs } from './verbs.ts';

/** The server at the end of a road that outlives channels, and a folder. */
export class House {
  readonly folder: string;
  readonly executions: Executions = new Executions();
  /** What comes to a client instead of a hello. */
  greeting: string | undefined;
  #newest: Channel | undefined;
  #server: Server | undefined;
  #listenerAt: (url: string | undefined) => Listener = () => {
    throw new Error('Nobody has opened the house');
  };
  #isHolding = false;
  readonly #held: (() => void)[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async build(): Promise<House> {
    return new House(await mkdtemp(join(tmpdir(), 'holdfast-')));
  }

  /** @param listenerAt gives a listener, at that very address where one is given */
  async open(listenerAt: (url: string | undefined) => Listener): Promise<string> {
    this.#listenerAt = listenerAt;
    this.#server = await this.#serve(undefined);
    return this.url;
  }

  get url(): string {
    return this.#server?.urls[0] as string;
  }

  /** The server's end of the channel that was made last. */
  get newest(): Channel {
    return this.#newest as Channel;
  }

  /** Handlers wait from now on. */
  hold(): void {
    this.#isHolding = true;
  }

  release(): void {
    this.#isHolding = false;
    for (const go of this.#held.splice(0)) go();
  }

  /** A successor at the same address; resolves with what the old server had to cut. */
  async restart(): Promise<unknown> {
    const { url } = this;
    const drained = this.#server?.drain();
    for (let tries = 0; ; tries++) {
      try {
        this.#server = await this.#serve(url);
        break;
      } catch (error) {
        const isTaken = isHoldfastError(error) && error.code === 'ERR_HOLDFAST_LISTEN';
        if (!isTaken || tries > 1_000) throw error;
        let hasTurned = false;
        setImmediate(() => {
          hasTurned = true;
        });
        await until(() => hasTurned);
      }
    }
    return (await drained)?.cut;
  }

  async close(): Promise<void> {
    this.release();
    await this.#server?.close();
    await rm(this.folder, { recursive: true });
  }

  #serve(url: string | undefined): Promise<Server> {
    const run = async (name: string): Promise<string> => {
      const output = this.executions.note(name);
      if (this.#isHolding) await new Promise<void>((resolve) => this.#held.push(resolve));
      return output;
    };
    const handlers = { read: run, idempotent: run, semi: run, once: run, mutate: run };
    const inner = this.#listenerAt(url);
    const listen: Listener = {
      listen: (accept): Promise<Listening> =>
        inner.listen((channel) => {
          this.#newest = channel;
          if (this.greeting === undefined) accept(channel);
          else greet(channel, this.greeting);
        }),
    };
    return serve(verbs, handlers, { listen });
  }
}

/** No server, but something that says a word and then waits for the end. */
function greet(channel: Channel, text: string): void {
  channel.start({ onBytes: () => {}, onClosed: () => {} });
  channel.write([Buffer.from(text)], () => {});
}
