import { once } from 'node:events';
import { PassThrough, Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ReadableStream, TransformStream } from 'node:stream/web';
import { expect } from 'chai';
import {
  type Client,
  connect,
  mutate,
  read,
  type Server,
  type ServerOptions,
  type StandardSchema,
  serve,
} from '../../lib/index.ts';
import { bzr } from '../../lib/protocols/bzr/index.ts';
import { expectFailure } from '../support/failing.ts';
import { failureOf } from '../support/failure.ts';
import { until } from '../support/road.ts';
import { all, upTo } from '../support/streaming.ts';

function schema<In, Out>(check: (value: unknown) => Out | undefined): StandardSchema<In, Out> {
  const validate = (value: unknown) => {
    const output = check(value);
    return output === undefined ? { issues: [{ message: 'is wrong' }] } : { value: output };
  };
  return { '~standard': { version: 1, vendor: 'test', validate } };
}

const even = schema<number, number>((value) =>
  typeof value === 'number' && value % 2 === 0 ? value : undefined,
);
const doubled = schema<number, number>((value) =>
  typeof value === 'number' && value < 100 ? value * 2 : undefined,
);

const verbs = {
  bytes: read.serverStream<number, Uint8Array>(),
  join: mutate.clientStream<void, Uint8Array, string>(),
  echo: mutate.duplex<void, unknown, unknown>(),
  count: read.serverStream<number, number>(),
  checked: mutate.duplex({ input: even, sent: even, items: doubled }),
  endless: read.serverStream<string, number>(),
  plain: read<string, string>(),
};

describe('A stream of a client', () => {
  let server: Server;
  let client: Client<typeof verbs>;
  let aborted: string[];
  let sent: number;

  beforeEach(() => start());

  async function start(options: Partial<ServerOptions> = {}): Promise<void> {
    aborted = [];
    sent = 0;
    server = await serve(
      verbs,
      {
        bytes: async function* (count) {
          for (let item = 0; item < count; item++) yield Buffer.alloc(10, item);
        },
        join: async (_input, { items }) => {
          const parts: Uint8Array[] = [];
          for await (const part of items) parts.push(part);
          return Buffer.concat(parts).toString();
        },
        echo: (_input, { items }) => items,
        count: (count) => upTo(count),
        checked: async function* (_from, { items }) {
          yield* items;
        },
        endless: async function* (name, { signal }) {
          signal.addEventListener('abort', () => aborted.push(name));
          for (;;) yield sent++;
        },
        plain: (text) => text,
      },
      { listen: 'tcp://127.0.0.1:0', ...options },
    );
    client = connect(server.urls[0] as string, verbs);
  }

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await server.close();
  });

  describe('as Node and Web streams', () => {
    it('is read from a Node stream, and written to one', async () => {
      const chunks = [Buffer.from('a'), Buffer.from('bc'), Buffer.from('d')];
      expect(await client.call.join(undefined, Readable.from(chunks))).to.equal('abcd');
      const through = new PassThrough();
      through.end('by pipe');
      expect(await client.call.join(undefined, through)).to.equal('by pipe');

      const got: Buffer[] = [];
      const sink = new Writable({
        write(chunk: Buffer, _encoding, done) {
          got.push(chunk);
          done();
        },
      });
      await pipeline(Readable.from(client.call.bytes(3)), sink);
      expect(Buffer.concat(got).toString('hex')).to.equal(
        ['00', '01', '02'].map((byte) => byte.repeat(10)).join(''),
      );
    });

    it('is read from a Web stream, and written to one', async () => {
      const chunks = [Buffer.from('a'), Buffer.from('bc')];
      const source = new ReadableStream<Uint8Array>({
        start(controller) {
          for (const chunk of chunks) controller.enqueue(chunk);
          controller.close();
        },
      });
      expect(await client.call.join(undefined, source)).to.equal('abc');
      const doubling = new TransformStream<number, number>({
        transform: (value, controller) => controller.enqueue(value * 2),
      });
      const web = ReadableStream.from(client.call.count(3)) as ReadableStream<number>;
      expect(await all(web.pipeThrough(doubling))).to.deep.equal([2, 4, 6]);
    });

    it('goes through a Node stream and back', async () => {
      const shout = new Transform({
        objectMode: true,
        transform: (text: string, _encoding, done) => done(null, text.toUpperCase()),
      });
      const items = client.call.echo(undefined, Readable.from(['a', 'b']).pipe(shout));
      expect(await all(items)).to.deep.equal(['A', 'B']);
    });

    it('is given up with the stream that reads it', async () => {
      const node = Readable.from(client.call.endless('node'));
      await once(node, 'readable');
      node.destroy();
      const web = ReadableStream.from(client.call.endless('web')) as ReadableStream<number>;
      const reader = web.getReader();
      await reader.read();
      await reader.cancel();
      await until(() => aborted.length === 2);
      expect(client.pending).to.equal(0);
    });

    it('closes the stream that it reads from when it is given up', async () => {
      const stop = new AbortController();
      const node = new PassThrough();
      node.write('x');
      let reason: unknown;
      let isTaken = false;
      const web = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (isTaken) return new Promise(() => {});
          isTaken = true;
          controller.enqueue(Buffer.from('x'));
          return undefined;
        },
        cancel: (why) => {
          reason = why ?? 'cancelled';
        },
      });
      const calls = [node, web].map((source) =>
        failureOf(client.call.join(undefined, source, { signal: stop.signal })),
      );
      await until(() => isTaken && node.readableLength === 0);
      stop.abort();
      for (const call of calls) expect((await call).code).to.equal('ERR_HOLDFAST_ABORTED');
      await until(() => node.destroyed && reason !== undefined);
    });

    it('fails with the stream that it reads from', async () => {
      const broken = new Error('disk full');
      const node = new PassThrough();
      node.write('x');
      const failing = expectFailure(
        client.call.join(undefined, node),
        'ERR_HOLDFAST_ABORTED',
        'disk full',
      );
      await until(() => node.readableLength === 0);
      node.destroy(broken);
      expect((await failing).cause).to.equal(broken);
    });
  });

  it('can be iterated once', async () => {
    const items = client.call.count(3);
    expect(await all(items)).to.deep.equal([1, 2, 3]);
    await expectFailure(() => all(items), 'ERR_HOLDFAST_OPTION', 'only once');
  });

  it('gives nothing more behind its end', async () => {
    const items = client.call.count(1)[Symbol.asyncIterator]();
    await items.next();
    for (let more = 0; more < 3; more++) {
      expect(await items.next()).to.deep.equal({ done: true, value: undefined });
    }
    const left = client.call.count(3)[Symbol.asyncIterator]();
    await left.next();
    await left.return?.();
    expect(await left.next()).to.deep.equal({ done: true, value: undefined });
  });

  it('brings no more than its window while nobody takes it', async () => {
    const items = client.call.endless('slow')[Symbol.asyncIterator]();
    await items.next();
    let before = -1;
    while (before !== sent) {
      before = sent;
      // Whatever is on its way has come by then.
      for (let calls = 0; calls < 20; calls++) await client.call.plain('x');
    }
    // Each costs a few bytes and 32.
    const most = sent;
    expect(most).to.be.within(1_000, 2 ** 20 / 32);
    for (let taken = 1; taken < most; taken++) expect((await items.next()).value).to.equal(taken);
    await items.return?.();
  });

  it('has its items checked on both sides', async () => {
    expect(await all(client.call.checked(2, [2, 4]))).to.deep.equal([4, 8]);
    const input = expectFailure(() => all(client.call.checked(1, [2])), 'ERR_HOLDFAST_INPUT');
    expect((await input).outcome).to.equal('not-executed');
    const bad = await expectFailure(
      () => all(client.call.checked(2, [2, 3, 4])),
      'ERR_HOLDFAST_INPUT',
      'an item is wrong',
    );
    expect(bad.outcome).to.equal('unknown');
    const lenient = connect(server.urls[0] as string, {
      count: read.serverStream({ items: doubled }),
      checked: mutate.duplex<number, number, number>(),
    });
    // 100 does not pass, and what came before does.
    const got: unknown[] = [];
    const failing = async (): Promise<void> => {
      const items = (lenient as unknown as Client<typeof verbs>).call.count(200);
      for await (const item of items) got.push(item);
    };
    await expectFailure(failing(), 'ERR_HOLDFAST_OUTPUT', 'is wrong');
    expect(got).to.deep.equal(upTo(99).map((item) => item * 2));
    await lenient.close();
  });

  it('is called by name too, with a registry or without', async () => {
    const bare = connect(server.urls[0] as string);
    for (const one of [client, bare]) {
      expect(await all(one.stream('count', 3))).to.deep.equal([1, 2, 3]);
      const echoed = one.stream('echo', undefined, { items: ['a'] });
      expect(await all(echoed)).to.deep.equal(['a']);
      const joined = one.stream('join', undefined, { items: [Buffer.from('x')] });
      const end = await joined[Symbol.asyncIterator]().next();
      expect(end).to.deep.equal({ done: true, value: 'x' });
    }
    await bare.close();
  });

  it('is not made when it is called in the wrong way', async () => {
    const wrong: readonly [call: () => unknown, code: string, text: string][] = [
      [() => all(client.stream('plain', 'x')), 'ERR_HOLDFAST_INPUT', 'has no streams'],
      [() => all(client.stream('echo')), 'ERR_HOLDFAST_INPUT', 'needs items'],
      [() => all(client.stream('count', 1, { items: [] })), 'ERR_HOLDFAST_INPUT', 'takes no items'],
      [() => client.call.join(undefined, 'text' as never), 'ERR_HOLDFAST_INPUT', 'iterated'],
      [() => client.call.join(undefined, undefined as never), 'ERR_HOLDFAST_INPUT', 'needs items'],
      [
        () => client.call.join(undefined, (() => 5) as never),
        'ERR_HOLDFAST_INPUT',
        'must be something that can be iterated',
      ],
      [
        () => all(client.call.count(1, { hedge: false } as never)),
        'ERR_HOLDFAST_OPTION',
        'Unknown stream option "hedge"',
      ],
      [
        () => client.invoke('count', 1),
        'ERR_HOLDFAST_UNKNOWN_VERB',
        'at the server "serverStream"',
      ],
    ];
    for (const [call, code, text] of wrong) {
      await expectFailure(async () => await call(), code as never, text);
    }
    expect(client.pending).to.equal(0);
  });

  it('needs a protocol that has streams', () => {
    expect(() => connect('tcp://127.0.0.1:1', verbs, { protocol: bzr() }))
      .to.throw('has no streams')
      .with.property('code', 'ERR_HOLDFAST_REGISTRY');
  });

  it('is not made by a client that is closed, and fails with one that is destroyed', async () => {
    const items = all(client.call.endless('x'));
    const failing = failureOf(items);
    await until(() => sent > 0);
    client.destroy();
    expect((await failing).code).to.equal('ERR_HOLDFAST_CLOSED');
    await expectFailure(() => all(client.call.count(1)), 'ERR_HOLDFAST_CLOSED');
    await expectFailure(() => client.call.join(undefined, []), 'ERR_HOLDFAST_CLOSED');
  });

  it('is waited for by a client that closes', async () => {
    const items = client.call.count(3);
    const closing = client.close();
    expect(await all(items)).to.deep.equal([1, 2, 3]);
    await closing;
  });
});
