import { expect } from 'chai';
import {
  type Client,
  connect,
  defineVerbs,
  HoldfastError,
  mutate,
  once,
  type RefuseOptions,
  refuse,
  type Server,
  serve,
} from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { expectFailure } from '../support/failing.ts';
import { call, endRawPeers, listOf, RawPeer } from '../support/raw-peer.ts';
import { anything } from '../support/schemas.ts';

const verbs = defineVerbs({
  plain: mutate<string, unknown>(),
  later: mutate<string, unknown>(),
  checked: mutate({ input: anything, output: anything }),
  once: once<string, unknown>(),
});

const ways = ['plain', 'later', 'checked', 'once'] as const;

function thrower(name: string): object {
  return Object.defineProperty(new Error('x'), name, {
    get: () => {
      throw new Error(`the getter of ${name} threw`);
    },
  });
}

function hostile(): object {
  const get = (): never => fail('the getter threw');
  return Object.defineProperty({}, 'deep', { enumerable: true, get });
}

function cyclic(): object {
  const data: Record<string, unknown> = { name: 'cycle' };
  data['self'] = data;
  return data;
}

function withData(data: unknown): Error {
  return Object.assign(new Error('has data'), { data });
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/** What a handler throws, and what of it must reach the caller. */
const thrown: readonly (readonly [
  what: string,
  make: () => unknown,
  remote: { readonly code?: string; readonly message: string | RegExp; readonly data?: unknown },
])[] = [
  ['undefined', () => undefined, { message: 'undefined' }],
  ['null', () => null, { message: 'null' }],
  ['a string', () => 'out of paper', { message: 'out of paper' }],
  ['an empty string', () => '', { message: /./ }],
  ['a number', () => 42, { message: '42' }],
  ['a symbol', () => Symbol('why'), { message: 'Symbol(why)' }],
  ['a plain object', () => ({ message: 'plain', code: 'E1' }), { code: 'E1', message: 'plain' }],
  ['an object without anything', () => Object.create(null), { message: /./ }],
  ['a function', () => () => {}, { message: /./ }],
  ['an error without a message', () => new Error(), { message: /Error/ }],
  ['an error with a code', () => fsError(), { code: 'ENOENT', message: 'no such file' }],
  ['an error whose message is no string', () => withMessage({}), { message: /./ }],
  ['an error whose code is no string', () => withCode(7), { code: 'ERROR', message: 'x' }],
  ['an error whose code is very long', () => withCode('C'.repeat(300_000)), { message: 'x' }],
  ['an error whose message is very long', () => new Error('m'.repeat(300_000)), { message: /^m+/ }],
  ['an error whose code cannot be read', () => thrower('code'), { message: /./ }],
  ['an error whose message cannot be read', () => thrower('message'), { message: /./ }],
  ['an error whose data cannot be read', () => thrower('data'), { message: /./ }],
  ['a revoked proxy', revoked, { message: /./ }],
  ['data', () => withData({ left: 3 }), { message: 'has data', data: { left: 3 } }],
  ['data that is a cycle', () => withData(cyclic()), { message: 'has data' }],
  ['data with a function', () => withData({ f: () => {} }), { message: 'has data' }],
  ['data with a getter that throws', () => withData(hostile()), { message: 'has data' }],
  ['data that is too large', () => withData('d'.repeat(300_000)), { message: 'has data' }],
];

function fsError(): Error {
  return Object.assign(new Error('no such file'), { code: 'ENOENT', errno: -2, path: '/secret' });
}

function withMessage(message: unknown): Error {
  return Object.defineProperty(new Error('x'), 'message', { value: message });
}

function withCode(code: unknown): Error {
  return Object.assign(new Error('x'), { code });
}

/** What a handler gives that cannot travel. */
const outputs: readonly (readonly [what: string, make: () => unknown, code: string])[] = [
  ['a function', () => () => {}, 'ERR_HOLDFAST_ENCODE'],
  ['a symbol', () => Symbol('x'), 'ERR_HOLDFAST_ENCODE'],
  ['a symbol deep inside', () => ({ a: [{ b: Symbol('x') }] }), 'ERR_HOLDFAST_ENCODE'],
  ['a cycle', cyclic, 'ERR_HOLDFAST_ENCODE'],
  ['an integer that is too large', () => 2n ** 70n, 'ERR_HOLDFAST_ENCODE'],
  ['a getter that throws', hostile, 'ERR_HOLDFAST_ENCODE'],
  ['bytes that are too many', () => Buffer.alloc(70_000), 'ERR_HOLDFAST_FRAME_TOO_LARGE'],
  ['a text that is too long', () => 'x'.repeat(70_000), 'ERR_HOLDFAST_FRAME_TOO_LARGE'],
];

describe('A server whose handlers misbehave', () => {
  let server: Server;
  let client: Client<typeof verbs>;
  let act: () => unknown;
  let runs: number;
  let heard: unknown[];

  beforeEach(async () => {
    runs = 0;
    heard = [];
    act = () => 'fine';
    const run = (): unknown => {
      runs++;
      return act();
    };
    const handlers = {
      plain: run,
      later: async () => {
        await Promise.resolve();
        return run();
      },
      checked: run,
      once: run,
    };
    server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0' });
    server.on('handlerError', ({ error }) => heard.push(error));
    client = connect(server.urls[0] as string, verbs, { maxFrameBytes: 1_024 });
    await client.ready();
    client.on('reconnecting', ({ cause }) => heard.push(cause));
  });

  afterEach(async () => {
    // One connection all the time, and it still works.
    const before = [...heard];
    act = () => 'fine';
    expect(await client.call.plain('after')).to.equal('fine');
    expect(heard).to.deep.equal(before);
    await client.close();
    await server.close();
    await endRawPeers();
  });

  for (const [what, make, remote] of thrown) {
    it(`tells the caller what it can when a handler throws ${what}`, async () => {
      for (const way of ways) {
        const error = make();
        act = () => {
          throw error;
        };
        runs = 0;
        heard = [];
        const failure = await expectFailure(client.call[way]('x'), 'ERR_HOLDFAST_REMOTE');
        expect(failure.outcome).to.equal('executed');
        expect(runs, `runs of ${way}`).to.equal(1);
        expect(failure.remote?.code).to.be.a('string').and.not.equal('');
        if (remote.code !== undefined) expect(failure.remote?.code).to.equal(remote.code);
        expect(failure.remote?.message).to.be.a('string');
        if (remote.message instanceof RegExp) {
          expect(failure.remote?.message).to.match(remote.message);
        } else {
          expect(failure.remote?.message).to.equal(remote.message);
        }
        if ('data' in remote) expect(failure.remote?.data).to.deep.equal(remote.data);
        expect(heard).to.have.length(1);
        expect(heard[0] === error).to.equal(true);
      }
    });
  }

  for (const [what, make, code] of outputs) {
    it(`tells the caller that the reply cannot travel when it is ${what}`, async () => {
      for (const way of ways) {
        act = make;
        runs = 0;
        const failure = await expectFailure(client.call[way]('x'), 'ERR_HOLDFAST_REMOTE');
        expect(failure.outcome).to.equal('executed');
        expect(failure.remote?.code, way).to.equal(code);
        expect(runs).to.equal(1);
      }
    });
  }

  it('sends no stack, no path and nothing else of an error but code, message and data', async () => {
    act = () => {
      throw Object.assign(fsError(), { data: { kept: true }, cause: new Error('inner') });
    };
    const peer = await RawPeer.greeted(server.urls[0] as string);
    peer.send(call({ number: 1 }));
    const frame = await peer.nextOf(FrameType.error);
    expect(listOf(frame)).to.deep.equal(['ENOENT', 'no such file', { kept: true }]);
    expect(frame.body.toString('latin1')).not.to.match(/ at |\.ts|secret|inner|stack/);
  });

  it('takes a refusal of a handler as a proof that it did nothing', async () => {
    act = () => {
      throw refuse({ message: 'no paper' });
    };
    for (const way of ways) {
      const failure = await expectFailure(
        client.call[way]('x'),
        'ERR_HOLDFAST_REFUSED',
        'no paper',
      );
      expect(failure.outcome).to.equal('not-executed');
    }
    expect(heard).to.deep.equal([]);
  });

  it('does not take the refusal of a call that the handler made for its own', async () => {
    act = () => Promise.reject(refuse());
    const refusal = await expectFailure(client.call.plain('x'), 'ERR_HOLDFAST_REFUSED');
    act = () => {
      throw refusal;
    };
    for (const way of ways) {
      const failure = await expectFailure(client.call[way]('x'), 'ERR_HOLDFAST_REMOTE');
      expect(failure.outcome).to.equal('executed');
    }
  });

  for (const [options, text] of [
    [{ retryAfter: 5 }, 'Unknown refuse option "retryAfter"; did you mean "retryAfterMs"?'],
    [{ retryAfterMs: Number.NaN }, 'Option "retryAfterMs" must be a number from 0'],
    [{ overloaded: 1 }, 'Option "overloaded" must be a boolean, got 1'],
    [{ message: 7 }, 'Option "message" must be a string, got 7'],
  ] as const) {
    it(`cannot refuse by an option that is none: ${text}`, () => {
      expect(() => refuse(options as RefuseOptions)).to.throw(HoldfastError, text);
    });
  }

  describe('with results that are promises of another make', () => {
    const results: readonly (readonly [what: string, make: () => unknown, expected: unknown])[] = [
      ['resolves', () => thenable((resolve) => resolve('kept')), 'kept'],
      ['resolves at once with a promise', () => thenable((resolve) => resolve(later())), 'later'],
      ['resolves twice', () => thenable((resolve) => [resolve('one'), resolve('two')]), 'one'],
      [
        'resolves and rejects',
        () => thenable((resolve, reject) => [resolve('one'), reject(0)]),
        'one',
      ],
      ['resolves and throws', () => thenable(resolveAndThrow), 'one'],
      ['has a `then` that is no function', () => withThen(7), withThen(7)],
    ];
    const failing: readonly (readonly [what: string, make: () => unknown, message: RegExp])[] = [
      ['rejects', () => thenable((_, reject) => reject(new Error('broken'))), /^broken$/],
      ['rejects with nothing', () => thenable((_, reject) => reject(undefined)), /^undefined$/],
      ['throws', () => thenable(() => fail('thrown')), /^thrown$/],
      ['has a `then` that cannot be read', () => thrower('then'), /the getter of then threw/],
    ];

    for (const [what, make, expected] of results) {
      it(`answers once when the promise ${what}`, async () => {
        for (const way of ways) {
          act = make;
          expect(await client.call[way]('x'), way).to.deep.equal(expected);
        }
      });
    }

    for (const [what, make, message] of failing) {
      it(`tells the caller when the promise ${what}`, async () => {
        for (const way of ways) {
          act = make;
          const { outcome, remote } = await expectFailure(
            client.call[way]('x'),
            'ERR_HOLDFAST_REMOTE',
          );
          expect([outcome, way]).to.deep.equal(['executed', way]);
          expect(remote?.message).to.match(message);
        }
      });
    }

    it('keeps count of what runs, whatever the promise does', async () => {
      const limited = await serve(
        verbs,
        sameHandlers(() => act()),
        {
          listen: 'tcp://127.0.0.1:0',
          maxCalls: 2,
        },
      );
      const other = connect(limited.urls[0] as string, verbs);
      for (let round = 0; round < 5; round++) {
        for (const [, make] of results) {
          act = make;
          await other.call.plain('x');
        }
        for (const [, make] of failing) {
          act = make;
          await expectFailure(other.call.plain('x'), 'ERR_HOLDFAST_REMOTE');
        }
      }
      // Two may run and a third waits for its turn: the count is neither too high nor too low.
      const gates: (() => void)[] = [];
      act = () => new Promise((resolve) => gates.push(() => resolve('open')));
      const calls = ['a', 'b', 'c'].map((name) => other.call.plain(name));
      await other.call.plain('d', { timeoutMs: 30 }).catch(() => {});
      expect(gates).to.have.length(2);
      act = () => 'open';
      for (const open of gates) open();
      expect(await Promise.all(calls)).to.deep.equal(['open', 'open', 'open']);
      await other.close();
      await limited.close();
    });
  });

  it('ends a call whose handler never answers at its deadline, and no other', async () => {
    act = () => new Promise(() => {});
    const stuck = expectFailure(client.call.once('x', { timeoutMs: 30 }), 'ERR_HOLDFAST_DEADLINE');
    await client.ready();
    const error: HoldfastError = await stuck;
    expect(error.outcome).to.equal('unknown');
  });

  it('goes on with the handlers that it was given when their table is changed', async () => {
    const handlers: Record<string, () => unknown> = sameHandlers(() => 'given');
    const other = await serve(verbs, handlers as ReturnType<typeof sameHandlers>, {
      listen: 'tcp://127.0.0.1:0',
    });
    delete handlers['plain'];
    handlers['later'] = () => 'changed';
    const caller = connect(other.urls[0] as string, verbs);
    expect(await caller.call.plain('x')).to.equal('given');
    expect(await caller.call.later('x')).to.equal('given');
    await caller.close();
    await other.close();
  });
});

function sameHandlers(run: () => unknown): Record<(typeof ways)[number], () => unknown> {
  return { plain: run, later: run, checked: run, once: run };
}

type Then = (resolve: (value: unknown) => void, reject: (error: unknown) => void) => unknown;

/** An object that is a promise by its `then` alone. */
function thenable(then: Then): object {
  return withThen(then);
}

function withThen(then: unknown): object {
  return Object.fromEntries([['then', then]]);
}

function resolveAndThrow(resolve: (value: unknown) => void): void {
  resolve('one');
  fail('too late');
}

function fail(message: string): never {
  throw new Error(message);
}

async function later(): Promise<string> {
  await Promise.resolve();
  return 'later';
}
