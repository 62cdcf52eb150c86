import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { PassThrough, Readable } from 'node:stream';
import { expect } from 'chai';
import {
  type Client,
  type ClientOptions,
  connect,
  type ItemSource,
  mutate,
  read,
  refuse,
  type Server,
  type StandardSchema,
  type StreamOptions,
  serve,
  tcp,
} from '../../lib/index.ts';
import { FaultMedium, VirtualClock } from '../../lib/testing/index.ts';
import { expectFailure } from '../support/failing.ts';
import { until } from '../support/road.ts';
import { all } from '../support/streaming.ts';

function schema<Value>(isWrong: (value: unknown) => boolean): StandardSchema<Value, Value> {
  const validate = (value: unknown) =>
    isWrong(value) ? { issues: [{ message: 'is wrong' }] } : { value: value as Value };
  return { '~standard': { version: 1, vendor: 'test', validate } };
}

const anything = schema<unknown>(() => false);

const verbs = {
  upload: mutate.clientStream<unknown, unknown, unknown[]>(),
  checked: mutate.clientStream({
    input: schema<string>((value) => value === 'wrong'),
    sent: anything,
    output: anything,
  }),
  chat: mutate.duplex<unknown, unknown, unknown>(),
  endless: read.serverStream<void, number>(),
};

/** An iterator that nobody must take from. */
class Held implements AsyncIterableIterator<unknown> {
  readonly #closed: () => void;

  constructor(closed: () => void) {
    this.#closed = closed;
  }

  next(): Promise<never> {
    return Promise.reject(new Error('it was taken from'));
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#closed();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Sources that hold something, and whether that was let go. */
const kinds: Readonly<Record<string, (closed: () => void) => ItemSource<unknown>>> = {
  'a Node stream': (closed) => new PassThrough({ objectMode: true }).once('close', closed),
  'a Web stream': (closed) => new ReadableStream({ cancel: closed }),
  'an iterator': (closed) => new Held(closed),
};

describe('What was given as items', () => {
  let server: Server;
  let client: Client<typeof verbs>;
  let medium: FaultMedium;
  let clock: VirtualClock;
  let isRefusing: boolean;
  let running: number;

  beforeEach(async () => {
    isRefusing = false;
    running = 0;
    const take = async (_: unknown, { items }: { readonly items: AsyncIterable<unknown> }) => {
      if (isRefusing) throw refuse();
      return await all(items);
    };
    server = await serve(
      verbs,
      {
        upload: take,
        checked: take,
        chat: (_, { items }) => items,
        endless: async function* () {
          running++;
          try {
            for (let item = 0; ; item++) yield item;
          } finally {
            running--;
          }
        },
      },
      { listen: 'tcp://127.0.0.1:0' },
    );
    const { hostname, port } = new URL(server.urls[0] as string);
    medium = new FaultMedium(tcp({ host: hostname, port: Number(port) }));
    clock = new VirtualClock({ turns: 'real' });
    client = connected({});
  });

  function connected(options: ClientOptions): Client<typeof verbs> {
    return connect(medium, verbs, { clock, timeoutMs: 100, dialTimeoutMs: 1e6, ...options });
  }

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await server.close();
    medium.destroy();
  });

  type Make = (items: ItemSource<unknown>, options?: StreamOptions) => Promise<unknown>;
  const upload: Make = (items, options) => client.call.upload('x', items, options);
  const chat: Make = (items, options) => all(client.call.chat('x', items, options));

  const ends: Readonly<
    Record<
      string,
      readonly [code: string, (make: Make, items: ItemSource<unknown>) => Promise<unknown>]
    >
  > = {
    'the client is closed': [
      'ERR_HOLDFAST_CLOSED',
      (make, items) => {
        client.destroy();
        return make(items);
      },
    ],
    'its signal had aborted': [
      'ERR_HOLDFAST_ABORTED',
      (make, items) => make(items, { signal: AbortSignal.abort() }),
    ],
    'its options are wrong': [
      'ERR_HOLDFAST_OPTION',
      (make, items) => make(items, { hedge: true } as never),
    ],
    'it is cancelled before there is a connection': [
      'ERR_HOLDFAST_ABORTED',
      async (make, items) => {
        medium.plan = { hang: true };
        const controller = new AbortController();
        const call = make(items, { signal: controller.signal });
        await until(() => medium.dials === 1);
        controller.abort();
        return call;
      },
    ],
    'there is no connection in time': [
      'ERR_HOLDFAST_DEADLINE',
      async (make, items) => {
        medium.plan = { hang: true };
        const call = make(items);
        call.catch(() => {});
        await until(() => medium.dials === 1);
        await clock.pass(200);
        return call;
      },
    ],
    'the client has too much to do': [
      'ERR_HOLDFAST_TOO_MANY_CALLS',
      async (make, items) => {
        client = connected({ maxCalls: 1 });
        const first = client.call.endless();
        const call = make(items);
        call.catch(() => {});
        first.cancel();
        return call;
      },
    ],
  };
  for (const [why, [code, fail]] of Object.entries(ends)) {
    for (const [kind, make] of Object.entries(kinds)) {
      for (const [how, call] of Object.entries({ upload, chat })) {
        it(`is closed when ${why}: ${kind}, of ${how}`, async () => {
          let closed = 0;
          await expectFailure(
            fail(
              call,
              make(() => closed++),
            ),
            code as never,
          );
          await until(() => closed === 1);
        });
      }
    }
  }

  const whys: Readonly<
    Record<string, readonly [code: string, (items: ItemSource<unknown>) => Promise<unknown>]>
  > = {
    'the server refuses the call': [
      'ERR_HOLDFAST_REFUSED',
      (items) => {
        isRefusing = true;
        return client.call.upload('x', items);
      },
    ],
    'its input cannot be encoded': [
      'ERR_HOLDFAST_ENCODE',
      (items) => client.call.upload(() => {}, items),
    ],
    'its input is wrong': ['ERR_HOLDFAST_INPUT', (items) => client.call.checked('wrong', items)],
    'the server does not have the verb': [
      'ERR_HOLDFAST_UNKNOWN_VERB',
      (items) => all(client.stream('other', 'x', { items })),
    ],
    'the verb takes no items': [
      'ERR_HOLDFAST_INPUT',
      (items) => all(client.stream('endless', undefined, { items })),
    ],
  };
  for (const [why, [code, fail]] of Object.entries(whys)) {
    for (const [kind, make] of Object.entries(kinds)) {
      it(`is closed when ${why}: ${kind}`, async () => {
        let closed = 0;
        await expectFailure(fail(make(() => closed++)), code as never);
        await until(() => closed === 1);
      });
    }
  }

  it('is not opened for the sake of closing it: a function, and what is no iterator', async () => {
    let opened = 0;
    const open = function* (): Generator<number> {
      opened++;
      yield 1;
    };
    client.destroy();
    for (const source of [open, { [Symbol.iterator]: open }, { [Symbol.asyncIterator]: open }]) {
      await expectFailure(client.call.upload('x', source as never), 'ERR_HOLDFAST_CLOSED');
    }
    expect(opened).to.equal(0);
  });

  it('is given up with the call that it comes from', async () => {
    const items = client.call.endless();
    await until(() => running === 1);
    const other = connected({});
    other.destroy();
    await expectFailure(other.call.upload('x', items), 'ERR_HOLDFAST_CLOSED');
    await until(() => running === 0);
  });

  it('may fail before it is taken from: so does its call, at once, and the process goes on', async () => {
    medium.plan = { hang: true };
    for (const make of [upload, chat]) {
      const file = createReadStream('/nowhere/at/all');
      const error = await expectFailure(make(file), 'ERR_HOLDFAST_ABORTED', 'ENOENT');
      expect(error).to.include({ outcome: 'not-executed', sent: 0 });
      expect(error.cause).to.have.property('code', 'ENOENT');
    }
  });

  it('may have failed before it was given', async () => {
    const file = createReadStream('/nowhere/at/all');
    await once(file, 'close').catch(() => {});
    await expectFailure(upload(file), 'ERR_HOLDFAST_ABORTED', 'ENOENT');
  });

  it('may fail when its call has ended', async () => {
    const node = new Readable({ read: () => {} });
    const controller = new AbortController();
    const call = upload(node, { signal: controller.signal });
    call.catch(() => {});
    await until(() => node.listenerCount('readable') > 0);
    controller.abort();
    await expectFailure(call, 'ERR_HOLDFAST_ABORTED');
    node.emit('error', new Error('too late for anybody'));
  });

  it('may give its call up in the midst, and is closed', async () => {
    for (const make of [upload, chat]) {
      const controller = new AbortController();
      let isClosed = false;
      const source = function* (): Generator<number> {
        try {
          yield 1;
          controller.abort();
          yield 2;
          yield 3;
        } finally {
          isClosed = true;
        }
      };
      const { signal } = controller;
      await expectFailure(make(source(), { signal }), 'ERR_HOLDFAST_ABORTED');
      expect(isClosed).to.equal(true);
    }
  });

  it('is taken from within what the application ran when it made the call', async () => {
    const storage = new AsyncLocalStorage<string>();
    await storage.run('the first', () => client.ready());
    const seen = new Set<string | undefined>();
    const source = async function* (): AsyncGenerator<Buffer> {
      for (let item = 0; item < 30; item++) {
        seen.add(storage.getStore());
        yield Buffer.alloc(100_000);
      }
    };
    for (const items of [source(), source]) {
      await storage.run('its own', () => client.call.upload('x', items));
    }
    expect([...seen]).to.deep.equal(['its own']);
  });
});
