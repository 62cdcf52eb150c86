import { expect } from 'chai';
import {
  type Client,
  type ClientOptions,
  connect,
  defineVerbs,
  mutate,
  once,
  type Server,
  serve,
} from '../../lib/index.ts';
import { expectFailure } from '../support/failing.ts';
import { MemoryWatch } from '../support/memory-use.ts';
import { anything } from '../support/schemas.ts';

const verbs = defineVerbs({
  plain: mutate<unknown, string>(),
  checked: mutate({ input: anything, output: anything }),
  once: once<unknown, string>(),
});

const ways = ['plain', 'checked', 'once'] as const;

function cyclic(): object {
  const input: Record<string, unknown> = { name: 'cycle' };
  input['self'] = { in: [input] };
  return input;
}

function failing(): never {
  throw new Error('no');
}

function cyclicArray(): unknown[] {
  const input: unknown[] = [1];
  input.push([input]);
  return input;
}

function throwing(thrown: unknown): object {
  const get = (): never => {
    throw thrown;
  };
  return Object.defineProperty({}, 'a', { enumerable: true, get });
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/** Inputs that cannot travel. */
const inputs: readonly (readonly [what: string, make: () => unknown])[] = [
  ['a function', () => () => {}],
  ['a class', () => class Input {}],
  ['a symbol', () => Symbol('x')],
  ['a function deep inside', () => ({ a: [{ b: () => {} }] })],
  ['a symbol deep inside', () => [[Symbol.iterator]]],
  ['a cycle', cyclic],
  ['a cycle of arrays', cyclicArray],
  ['what is nested 101 deep', () => nested(101)],
  ['what is nested 100000 deep', () => nested(100_000)],
  ['an integer that is too large', () => 2n ** 64n],
  ['an integer that is too small', () => [-(2n ** 63n) - 1n]],
  ['an invalid date', () => ({ at: new Date(Number.NaN) })],
  ['a map whose keys are no strings', () => new Map([[{}, 1]])],
  ['numbers in a typed array', () => new Float64Array(2)],
  ['a getter that throws', () => throwing(new Error('no'))],
  ['a getter that throws nothing', () => throwing(undefined)],
  ['a getter that throws what cannot be read', () => throwing(Object.create(null))],
  ['a toJSON that throws', () => ({ toJSON: failing })],
  ['a toJSON that gives a cycle', () => ({ toJSON: cyclic })],
  ['a revoked proxy', () => revoked()],
  ['an object that holds a revoked proxy', () => ({ a: revoked() })],
];

describe('Calls that cannot be made', () => {
  let server: Server;
  let client: Client<typeof verbs>;
  let executed: unknown[];

  beforeEach(() => start());

  afterEach(stop);

  async function start(options: ClientOptions = {}, maxFrameBytes = 100_000): Promise<void> {
    executed = [];
    const note = (input: unknown): string => {
      executed.push(input);
      return 'done';
    };
    const handlers = { plain: note, checked: note, once: note };
    server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0', maxFrameBytes });
    client = connect(server.urls[0] as string, verbs, options);
  }

  async function stop(): Promise<void> {
    expect(client.pending).to.equal(0);
    await client.close();
    await server.close();
  }

  for (const [what, make] of inputs) {
    it(`fail at once when their input is or has ${what}, and nothing is sent`, async () => {
      for (const way of ways) {
        const other = client.call[way](`before ${way}`);
        const error = await expectFailure(client.call[way](make()), 'ERR_HOLDFAST_ENCODE', way);
        expect([error.outcome, error.final, error.verb]).to.deep.equal(['not-executed', true, way]);
        expect(await other).to.equal('done');
        expect(await client.call[way](`after ${way}`)).to.equal('done');
      }
      expect(executed).to.deep.equal(ways.flatMap((way) => [`before ${way}`, `after ${way}`]));
    });
  }

  it('fail when their input makes a call while it is encoded, and so does that call', async () => {
    let inner: Promise<unknown> | undefined;
    const input = Object.defineProperty({}, 'a', {
      enumerable: true,
      get: () => {
        inner = client.call.plain('inner').catch((error: unknown) => error);
        return 'outer';
      },
    });
    const outer = await client.call.plain(input).catch((error: unknown) => error);
    // Whichever of them fails, no bytes of the one may travel as the other.
    for (const result of [outer, await inner]) {
      if (result !== 'done') expect(result).to.have.property('code', 'ERR_HOLDFAST_ENCODE');
    }
    const allowed = [{ a: 'outer' }, 'inner'];
    for (const got of executed) expect(allowed).to.deep.include(got);
  });

  it('fail at once with an input larger than maxFrameBytes of the client', async () => {
    await stop();
    await start({ maxFrameBytes: 10_000 });
    for (const input of ['x'.repeat(10_000), Buffer.alloc(10_000), [Buffer.alloc(10_000)]]) {
      for (const way of ways) {
        const text = /Message of \d+ bytes is larger than maxFrameBytes \(10000\)/;
        const error = await expectFailure(
          client.call[way](input),
          'ERR_HOLDFAST_FRAME_TOO_LARGE',
          text,
        );
        expect([error.outcome, error.final]).to.deep.equal(['not-executed', true]);
      }
    }
    expect(executed).to.deep.equal([]);
  });

  it('fail with an input larger than maxFrameBytes of the server, and cost no link', async () => {
    const heard: unknown[] = [];
    client.on('reconnecting', (event) => heard.push(event));
    for (const input of ['x'.repeat(100_000), Buffer.alloc(100_000)]) {
      for (const way of ways) {
        const text = /larger than the server's maxFrameBytes \(100000\)/;
        const call = client.call[way](input);
        const other = client.call[way]('small');
        const error = await expectFailure(call, 'ERR_HOLDFAST_FRAME_TOO_LARGE', text);
        expect([error.outcome, error.final]).to.deep.equal(['not-executed', true]);
        expect(await other).to.equal('done');
      }
    }
    expect(heard).to.deep.equal([]);
    expect(executed.every((input) => input === 'small')).to.equal(true);
  });

  it('fit when they are just as large as the server takes', async () => {
    const headerBytes = 20;
    const input = Buffer.alloc(100_000 - headerBytes, 7);
    expect(await client.call.plain(input)).to.equal('done');
    expect(input.equals(executed[0] as Buffer)).to.equal(true);
    const more = Buffer.alloc(input.length + 1);
    await expectFailure(client.call.plain(more), 'ERR_HOLDFAST_FRAME_TOO_LARGE');
  });

  it('fail at once beyond maxCalls, and the others are not disturbed', async () => {
    await stop();
    await start({ maxCalls: 10 });
    const calls = Array.from({ length: 10 }, (_, index) => client.call.plain(index));
    const text = 'the limit maxCalls (10) is reached';
    const error = await expectFailure(client.call.plain('x'), 'ERR_HOLDFAST_TOO_MANY_CALLS', text);
    expect(error.outcome).to.equal('not-executed');
    expect(await Promise.all(calls)).to.deep.equal(Array(10).fill('done'));
    expect(await client.call.plain('there is room again')).to.equal('done');
    expect(executed).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 'there is room again']);
  });

  it('fail at once beyond maxOutgoingBytes, and the others are not disturbed', async () => {
    await stop();
    await start({ maxOutgoingBytes: 200_000 });
    const half = Buffer.alloc(90_000);
    const calls = [client.call.plain(half), client.call.plain(half)];
    const text = 'the limit maxOutgoingBytes (200000) is reached';
    const error = await expectFailure(client.call.plain(half), 'ERR_HOLDFAST_OUTGOING_FULL', text);
    expect(error.outcome).to.equal('not-executed');
    expect(await Promise.all(calls)).to.deep.equal(['done', 'done']);
    expect(await client.call.plain(half)).to.equal('done');
    expect(executed).to.have.length(3);
  });

  it('leave nothing behind, however many fail', async () => {
    expect(await client.call.plain('first')).to.equal('done');
    const memory = await MemoryWatch.start();
    for (let round = 0; round < 50; round++) {
      const calls = Array.from({ length: 100 }, (_, index) => {
        const input = index % 2 === 0 ? Symbol('no') : 'x'.repeat(100_000);
        return client.call.plain(input).catch(() => {});
      });
      await Promise.all(calls);
    }
    expect(await memory.grownBytes(4 * 1024 * 1024)).to.be.at.most(4 * 1024 * 1024);
    expect(executed).to.deep.equal(['first']);
  });

  describe('because there is no such verb', () => {
    it('fail with the nearest name that the server has', async () => {
      const error = await expectFailure(
        client.invoke('plane', 'x'),
        'ERR_HOLDFAST_UNKNOWN_VERB',
        'the server has no such verb; did you mean "plain"?',
      );
      expect([error.outcome, error.final, error.verb]).to.deep.equal([
        'not-executed',
        true,
        'plane',
      ]);
    });

    for (const name of ['', 'toString', '__proto__', 'constructor', 'then', 'x'.repeat(5_000)]) {
      it(`fail for the name ${JSON.stringify(name.slice(0, 20))}`, async () => {
        await expectFailure(client.invoke(name), 'ERR_HOLDFAST_UNKNOWN_VERB');
        expect(executed).to.deep.equal([]);
      });
    }

    for (const name of [undefined, null, 7, {}, Symbol('get'), Object.create(null)]) {
      it(`fail for the name ${typeof name} by rejecting`, async () => {
        const call = client.invoke(name as string);
        await expectFailure(call, 'ERR_HOLDFAST_UNKNOWN_VERB');
        expect(executed).to.deep.equal([]);
      });
    }

    it('fail when only the client knows the verb', async () => {
      const more = defineVerbs({ ...verbs, remove: mutate<string, void>() });
      const other = connect(server.urls[0] as string, more);
      const error = await expectFailure(other.call.remove('x'), 'ERR_HOLDFAST_UNKNOWN_VERB');
      expect(error.outcome).to.equal('not-executed');
      expect(await other.call.plain('x')).to.equal('done');
      await other.close();
    });
  });
});
