import {
  type Client,
  type ClientOptions,
  connect,
  defineVerbs,
  type Handlers,
  idempotent,
  mutate,
  read,
  retryBudget,
  type Server,
  type ServerOptions,
  semi,
  serve,
  tcp,
} from '../../lib/index.ts';
import { FaultMedium } from '../../lib/testing/index.ts';
import type { VerbMakers } from '../../lib/verbs/define.ts';
import { until } from './road.ts';
import { Executions } from './verbs.ts';

const makers = { read, idempotent, semi, mutate } as const;

/** The classes that have streams. */
export type StreamClass = keyof typeof makers;
export const streamClasses = Object.keys(makers) as readonly StreamClass[];

/** What a stream is opened with. */
export interface Opening {
  /** Names the call, so that executions can be counted. */
  readonly name: string;
  readonly from?: number;
  readonly count?: number;
}

function verbsOf<Class extends StreamClass>(make: VerbMakers<Class>) {
  return {
    /** Gives the numbers from `from` to `count`. */
    count: make.serverStream<Opening, number>(),
    /** Gives back all that was sent. */
    collect: make.clientStream<Opening, number, number[]>(),
    /** Gives ten times what was sent. */
    tenfold: make.duplex<Opening, number, number>(),
  };
}

/** Verbs of one class, of each kind. */
export const streamVerbs = {
  read: defineVerbs(verbsOf(read)),
  idempotent: defineVerbs(verbsOf(idempotent)),
  semi: defineVerbs(verbsOf(semi)),
  mutate: defineVerbs(verbsOf(mutate)),
} as const;

type StreamVerbs = (typeof streamVerbs)['read'];

/** The client's registry; of every class the methods are the same. */
export type StreamClient = Client<StreamVerbs>;

/** How a handler ended, by the name of its call. */
export type Ending = 'done' | 'aborted' | 'failed' | 'left';

/** A server whose verbs have streams, behind connections that fail as the test says. */
export class StreamingScene {
  readonly executions: Executions = new Executions();
  readonly endings = new Map<string, Ending[]>();
  /** What handlers were sent. */
  readonly taken = new Map<string, number[]>();
  /** Uploads that their handlers have taken for whole. */
  readonly whole: string[] = [];
  /** What handlers were told to abort for. */
  readonly aborted: string[] = [];
  /** Awaited by handlers before each item that they give or take. */
  beforeItem: (name: string, item: number) => unknown = () => {};
  readonly safety: StreamClass;
  readonly #options: Omit<ServerOptions, 'listen'>;
  #server: Server | undefined;
  #url = 'tcp://127.0.0.1:0';
  #medium: FaultMedium | undefined;
  readonly #clients: { destroy(): void; readonly closed: Promise<unknown> }[] = [];

  private constructor(safety: StreamClass, options: Omit<ServerOptions, 'listen'>) {
    this.safety = safety;
    this.#options = options;
  }

  static async start(
    safety: StreamClass = 'mutate',
    options: Omit<ServerOptions, 'listen'> = {},
  ): Promise<StreamingScene> {
    const scene = new StreamingScene(safety, options);
    await scene.serve();
    return scene;
  }

  /** Another server process, as far as its clients can tell, at the same address. */
  async serve(): Promise<void> {
    const verbs = streamVerbs[this.safety] as StreamVerbs;
    this.#server = await serve(verbs, this.#handlers(), { ...this.#options, listen: this.#url });
    this.#url = this.#server.urls[0] as string;
    const { hostname, port } = new URL(this.#url);
    this.#medium ??= new FaultMedium(tcp({ host: hostname, port: Number(port) }));
  }

  /** The server is gone with all that it knew, and another one comes. */
  async crash(): Promise<void> {
    await this.server.close();
    await this.serve();
  }

  get server(): Server {
    return this.#server as Server;
  }

  get medium(): FaultMedium {
    return this.#medium as FaultMedium;
  }

  get url(): string {
    return this.#url;
  }

  client(options: ClientOptions = {}): StreamClient {
    const verbs = streamVerbs[this.safety] as StreamVerbs;
    const client = connect(this.medium, verbs, {
      random: () => 0,
      reconnectBaseMs: 1,
      reconnectCapMs: 1,
      retryBudget: retryBudget(),
      ...options,
    });
    this.#clients.push(client);
    return client;
  }

  /** A handler of this call has ended so. */
  async ended(name: string): Promise<Ending> {
    await until(() => this.endings.has(name));
    return this.endings.get(name)?.at(-1) as Ending;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await Promise.all(this.#clients.map(({ closed }) => closed));
    await this.#server?.close();
    this.medium.destroy();
  }

  #handlers(): Handlers<StreamVerbs> {
    const scene = this;
    return {
      async *count({ name, from = 1, count = 5 }, { signal }) {
        const note = scene.#begin(name, signal);
        let ending: Ending = 'left';
        try {
          for (let item = from; item <= count; item++) {
            await scene.beforeItem(name, item);
            yield item;
          }
          ending = 'done';
        } catch (error) {
          ending = 'failed';
          throw error;
        } finally {
          note(signal.aborted ? 'aborted' : ending);
        }
      },
      async collect({ name }, { items, signal }) {
        const note = scene.#begin(name, signal);
        const taken: number[] = [];
        scene.taken.set(name, taken);
        let ending: Ending = 'failed';
        try {
          for await (const item of items) {
            await scene.beforeItem(name, item);
            taken.push(item);
          }
          ending = 'done';
          scene.whole.push(name);
        } finally {
          note(signal.aborted ? 'aborted' : ending);
        }
        return taken;
      },
      async *tenfold({ name }, { items, signal }) {
        const note = scene.#begin(name, signal);
        let ending: Ending = 'left';
        try {
          for await (const item of items) {
            await scene.beforeItem(name, item);
            yield item * 10;
          }
          ending = 'done';
        } catch (error) {
          ending = 'failed';
          throw error;
        } finally {
          note(signal.aborted ? 'aborted' : ending);
        }
      },
    };
  }

  #begin(name: string, signal: AbortSignal): (ending: Ending) => void {
    this.executions.note(name);
    signal.addEventListener('abort', () => this.aborted.push(name));
    return (ending) => {
      this.endings.set(name, [...(this.endings.get(name) ?? []), ending]);
    };
  }
}

/** The numbers from 1 to `count`. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

/** All items of a stream. */
export async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const got: Item[] = [];
  for await (const item of items) got.push(item);
  return got;
}
