import { expect } from 'chai';
import {
  connect,
  idempotent,
  mutate,
  read,
  refuse,
  type Server,
  serve,
  transient,
} from '../../lib/index.ts';
import { until } from '../support/road.ts';

const verbs = {
  leased: idempotent.clientStream<void, Buffer, number[]>({ leaseMs: 200 }),
  plain: mutate.clientStream<void, Buffer, number[]>(),
  echo: read<string, string>(),
};

const windowBytes = 128 * 1024;

/** Gives its items at once, but one that comes when the test says so. */
class Halting implements AsyncIterableIterator<Buffer> {
  readonly #sizes: readonly number[];
  readonly #halt: number;
  #next = 0;
  isHalted = false;
  goOn: () => void = () => {};

  /** @param halt which item waits, from 1 */
  constructor(sizes: readonly number[], halt: number) {
    this.#sizes = sizes;
    this.#halt = halt;
  }

  async next(): Promise<IteratorResult<Buffer>> {
    const size = this.#sizes[this.#next];
    if (size === undefined) return { done: true, value: undefined };
    const item = ++this.#next;
    if (item === this.#halt) {
      this.isHalted = true;
      await new Promise<void>((resolve) => {
        this.goOn = resolve;
      });
    }
    return { done: false, value: Buffer.alloc(size, item) };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

describe('An upload that is to be sent again from its first item', () => {
  /** What was acknowledged is kept only as long as all of it fits into the window. */
  const sizes = [30_000, 30_000, 30_000, 100_000, 10];
  const halt = 4;
  let taken: number[][];
  let begun: (numbers: readonly number[]) => unknown;
  let server: Server;
  let source: Halting;

  beforeEach(async () => {
    taken = [];
    begun = () => {};
    source = new Halting(sizes, halt);
    server = await start('tcp://127.0.0.1:0');
  });

  afterEach(() => server.close());

  function start(listen: string): Promise<Server> {
    const collect = async (_: unknown, { items }: { readonly items: AsyncIterable<Buffer> }) => {
      const numbers: number[] = [];
      taken.push(numbers);
      for await (const [number = 0] of items) {
        numbers.push(number);
        await begun(numbers);
      }
      return numbers;
    };
    const handlers = { leased: collect, plain: collect, echo: (text: string) => text };
    return serve(verbs, handlers, { listen, streamWindowBytes: windowBytes });
  }

  /** Calls, and has the source go on as soon as it is decided that the call is sent again. */
  async function sent(verb: 'leased' | 'plain', during: () => unknown): Promise<readonly number[]> {
    const client = connect(server.urls[0] as string, verbs, {
      streamWindowBytes: windowBytes,
      random: () => 0,
      reconnectBaseMs: 1,
      reconnectCapMs: 1,
      retryBudget: false,
    });
    client.on('replay', () => source.goOn());
    try {
      const upload = client.call[verb](undefined, source);
      upload.catch(() => {});
      await until(() => source.isHalted && taken[0]?.length === halt - 1);
      // Behind its answer the client knows what has come.
      await client.call.echo('x');
      await during();
      return await upload;
    } finally {
      client.destroy();
      await client.closed;
    }
  }

  it('is, though its source goes on while its lease is waited for', async () => {
    const [url] = server.urls as [string];
    const items = await sent('leased', async () => {
      await server.close();
      server = await start(url);
    });
    expect([items, taken.length]).to.deep.equal([[1, 2, 3, 4, 5], 2]);
  });

  it('is, though its source goes on while the server wants it to wait', async () => {
    let goOn: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    begun = async (numbers) => {
      if (taken.length > 1 || numbers.length < halt - 1) return;
      await held;
      throw refuse({ retryAfterMs: 50 });
    };
    const items = await sent('plain', () => goOn());
    expect([items, taken.length]).to.deep.equal([[1, 2, 3, 4, 5], 2]);
  });
});

describe('Items of a call that is to be made again from the first one', () => {
  it('are not given while that is waited for: each comes once', async () => {
    const verbs = { give: read.serverStream<void, number>() };
    let executions = 0;
    const server = await serve(
      verbs,
      {
        give: async function* () {
          executions++;
          yield* [1, 2, 3];
          if (executions === 1) throw transient(new Error('overheated'));
          yield* [4, 5];
        },
      },
      { listen: 'tcp://127.0.0.1:0' },
    );
    const client = connect(server.urls[0] as string, verbs, { retryBudget: false });
    const got: number[] = [];
    const items = client.call.give();
    // The items wait here, and so does the call.
    await new Promise((resolve) => client.once('replay', resolve));
    for await (const item of items) got.push(item);
    expect([got, executions]).to.deep.equal([[1, 2, 3, 4, 5], 2]);
    client.destroy();
    await client.closed;
    await server.close();
  });
});
