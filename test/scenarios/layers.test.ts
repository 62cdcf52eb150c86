import { expect } from 'chai';
import {
  type CallContext,
  type Client,
  type ClientOptions,
  connect,
  defineVerbs,
  idempotent,
  mutate,
  refuse,
  type Server,
  type ServerOptions,
  serve,
  transient,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';

const verbs = defineVerbs({
  put: idempotent<string, string>(),
  pay: mutate<string, string>(),
});

type Verb = keyof typeof verbs;

const attempts = 4;

/** How a layer calls the one below it: for the sake of the call that it serves, or by itself. */
type Way = (call: CallContext, below: Client<typeof verbs>) => Pick<Client<typeof verbs>, 'call'>;

const explicitly: Way = (call, below) => call.client(below);
const plainly: Way = (_, below) => below;

/** Three real servers, each a client of the next, and a client of the first. */
class Layers {
  /** What the handlers of each server were given, from the first to the last. */
  readonly calls: CallContext[][] = [[], [], []];
  readonly servers: Server[] = [];
  readonly clients: Client<typeof verbs>[] = [];
  /** What the last server's handlers do. */
  leaf: (name: string, call: CallContext) => unknown = (name) => `done ${name}`;
  /** What the others throw when a call below has failed. */
  onFailure: (error: Error) => Error = (error) => transient(error);

  static async start(
    way: Way,
    options: ClientOptions | ((index: number) => ClientOptions) = {},
    serverOptions: Partial<ServerOptions> = {},
  ): Promise<Layers> {
    const layers = new Layers();
    for (const index of [2, 1, 0]) {
      const below = layers.clients[0];
      const handle = (verb: Verb) => async (name: string, call: CallContext) => {
        layers.calls[index]?.push(call);
        if (below === undefined) return (await layers.leaf(name, call)) as string;
        try {
          return await way(call, below).call[verb](name);
        } catch (error) {
          throw layers.onFailure(error as Error);
        }
      };
      const handlers = { put: handle('put'), pay: handle('pay') };
      const listen = 'tcp://127.0.0.1:0';
      const server = await serve(verbs, handlers, { ...serverOptions, listen });
      layers.servers.push(server);
      layers.clients.unshift(
        connect(server.urls[0] as string, verbs, {
          maxAttempts: attempts,
          random: () => 0,
          // What layers alone do is to be seen, without what the budgets would make of it.
          retryBudget: false,
          ...(typeof options === 'function' ? options(index) : options),
        }),
      );
    }
    return layers;
  }

  get client(): Client<typeof verbs> {
    return this.clients[0] as Client<typeof verbs>;
  }

  /** How many calls came to each server. */
  get counts(): readonly number[] {
    return this.calls.map(({ length }) => length);
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.destroy();
    await Promise.all(this.clients.map(({ closed }) => closed));
    await Promise.all(this.servers.map((server) => server.close()));
  }
}

describe('Promise 6: nested layers do not multiply', () => {
  let layers: Layers;

  afterEach(() => layers.close());

  /** Makes a call that fails at the last server for as long as anybody tries. */
  async function failing(): Promise<readonly number[]> {
    layers.leaf = () => {
      throw transient(new Error('overheated'));
    };
    const { code, outcome } = await failureOf(layers.client.call.put('x'));
    expect([code, outcome]).to.deep.equal(['ERR_HOLDFAST_REMOTE', 'executed']);
    return layers.counts;
  }

  it('three layers that know nothing of each other make 64 calls of 4 attempts', async () => {
    layers = await Layers.start(plainly);
    layers.onFailure = (error) => transient(new Error(error.message));
    expect(await failing()).to.deep.equal([4, 16, 64]);
  });

  it('which their budgets alone bring down to 4', async () => {
    layers = await Layers.start(plainly, { retryBudget: {} });
    layers.onFailure = (error) => transient(new Error(error.message));
    expect(await failing()).to.deep.equal([2, 3, 4]);
  });

  it('by call.client they make 4, at the layer above the one that fails', async () => {
    layers = await Layers.start(explicitly);
    expect(await failing()).to.deep.equal([1, 1, 4]);
    const { retried } = await failureOf(layers.client.call.put('x'));
    expect(retried).to.equal(true);
  });

  it('the same when handlers hide what they were told', async () => {
    layers = await Layers.start(explicitly);
    layers.onFailure = () => transient(new Error('the back end is down'));
    expect(await failing()).to.deep.equal([1, 1, 4]);
  });

  it('the same by themselves, where the servers propagate', async () => {
    layers = await Layers.start(plainly, {}, { propagate: true });
    layers.onFailure = () => transient(new Error('the back end is down'));
    expect(await failing()).to.deep.equal([1, 1, 4]);
  });

  it('an error that is passed on is enough, also as a cause, where nothing propagates', async () => {
    layers = await Layers.start(plainly);
    layers.onFailure = (error) => transient(new Error('the back end is down', { cause: error }));
    expect(await failing()).to.deep.equal([1, 1, 4]);
  });

  it('a refusal that was retried below is not retried above', async () => {
    layers = await Layers.start(explicitly);
    layers.leaf = () => {
      throw refuse((layers.counts[2] as number) < 3 ? { retryAfterMs: 1 } : {});
    };
    layers.onFailure = (cause) => refuse({ retryAfterMs: 1, cause });
    const { code, outcome, retried } = await failureOf(layers.client.call.pay('x'));
    expect([code, outcome, retried]).to.deep.equal(['ERR_HOLDFAST_REFUSED', 'not-executed', true]);
    expect(layers.counts).to.deep.equal([1, 1, 3]);
  });

  it('what the budget of the layer below did not allow is not retried above either', async () => {
    const empty = { ratio: 0, minPerSecond: 0, reserve: 0 };
    layers = await Layers.start(explicitly, (index) => (index === 2 ? { retryBudget: empty } : {}));
    expect(await failing()).to.deep.equal([1, 1, 1]);
  });

  it('an error that was not retried is retried above', async () => {
    layers = await Layers.start(explicitly);
    layers.clients[2]?.destroy();
    layers.onFailure = () => transient(new Error('no way on'));
    const { retried } = await failureOf(layers.client.call.put('x'));
    expect(retried).to.equal(true);
    expect(layers.counts).to.deep.equal([1, 4, 0]);
  });

  /** The last server never answers. */
  async function hanging(): Promise<readonly number[]> {
    layers.leaf = (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('nobody waits')));
      });
    await failureOf(layers.client.call.put('x'));
    return layers.counts;
  }

  it('attempts that time out are retried at the layer above them', async () => {
    const timeouts = [5_000, 2_000, 20];
    layers = await Layers.start(explicitly, (index) => ({
      attemptTimeoutMs: timeouts[index] as number,
    }));
    expect(await hanging()).to.deep.equal([1, 1, 4]);
  });

  it('attempts that time out at every layer make no more than 10 calls', async () => {
    layers = await Layers.start(explicitly, { attemptTimeoutMs: 40 });
    const [first, , last] = await hanging();
    expect(first).to.equal(attempts);
    expect(last).to.be.within(1, 1 + 3 * (attempts - 1));
    // What comes when a copy may be running is marked at every layer.
    const [front, , leaf] = layers.calls.map((calls) => calls.map(({ isReplay }) => isReplay));
    expect(front).to.deep.equal([false, true, true, true]);
    expect(leaf?.filter((isReplay) => !isReplay)).to.have.length(1);
  });
});

describe('Calls that a handler makes for the sake of its own', () => {
  let layers: Layers;

  afterEach(() => layers.close());

  for (const [how, way, options] of [
    ['by call.client', explicitly, {}],
    ['by themselves', plainly, { propagate: true }],
  ] as const) {
    it(`get no more time than is left, ${how}`, async () => {
      layers = await Layers.start(way, {}, options);
      expect(await layers.client.call.pay('x', { timeoutMs: 2_000 })).to.equal('done x');
      const [front = 0, middle = 0, leaf = 0] = layers.calls.map(
        ([call]) => call?.remainingMs ?? 0,
      );
      expect(front).to.be.at.most(2_000);
      expect(middle).to.be.at.most(front + 100);
      expect(leaf).to.be.within(1_000, middle + 100);
    });

    it(`end with it when it is cancelled, ${how}`, async () => {
      layers = await Layers.start(way, {}, options);
      const controller = new AbortController();
      const aborted = new Promise<void>((resolve) => {
        layers.leaf = async (_, { signal }) => {
          controller.abort();
          await new Promise<void>((abort) => signal.addEventListener('abort', () => abort()));
          resolve();
        };
      });
      const { signal } = controller;
      const { code } = await failureOf(layers.client.call.pay('x', { signal }));
      expect(code).to.equal('ERR_HOLDFAST_ABORTED');
      await aborted;
    });
  }

  it('get what is left, and their own signals still count', async () => {
    const own = new AbortController();
    layers = await Layers.start((call, below) => {
      const { client } = call;
      const { pay, put } = client(below).call;
      return { call: { put, pay: (name) => pay(name, { signal: own.signal }) } };
    });
    layers.leaf = () => {
      own.abort(new Error('changed its mind'));
      return new Promise(() => {});
    };
    layers.onFailure = (error) => new Error(`${error.message}: ${String(error.cause)}`);
    const { remote } = await failureOf(layers.client.call.pay('x'));
    expect(remote?.message).to.contain('it was cancelled').and.contain('changed its mind');
  });

  it('are not bounded by a handler that has ended, where the servers propagate', async () => {
    layers = await Layers.start(plainly, {}, { propagate: true });
    let later: Promise<string> | undefined;
    const done = new Promise<void>((resolve) => {
      layers.leaf = async (name, { remainingMs }) => {
        if (name === 'x') {
          const [, , client] = layers.clients;
          const ended = new Promise((turn) => setImmediate(turn));
          later = ended.then(() => client?.call.put('later') as Promise<string>);
          resolve();
        }
        return `${remainingMs > 5_000}`;
      };
    });
    expect(await layers.client.call.put('x', { timeoutMs: 1_000 })).to.equal('false');
    await done;
    expect(await later).to.equal('true');
  });

  it('are not made when no time is left', async () => {
    layers = await Layers.start(explicitly);
    const over = { remainingMs: 0, signal: new AbortController().signal, isReplay: false };
    const within = layers.client.within({ ...over, onRetried: () => {} });
    const { code, outcome } = await failureOf(within.call.put('x'));
    expect([code, outcome]).to.deep.equal(['ERR_HOLDFAST_DEADLINE', 'not-executed']);
    expect(layers.counts).to.deep.equal([0, 0, 0]);
  });

  it('of a replay are sent again only with proof that they did not run', async () => {
    layers = await Layers.start(explicitly, { attemptTimeoutMs: 30 });
    const replay = { remainingMs: 5_000, signal: new AbortController().signal, isReplay: true };
    const within = layers.clients[2]?.within({ ...replay, onRetried: () => {} });
    layers.leaf = (name) => {
      if (name === 'hangs') return new Promise(() => {});
      return name;
    };
    const { code, retried, message } = await failureOf(
      within?.call.put('hangs') as Promise<string>,
    );
    expect([code, retried]).to.deep.equal(['ERR_HOLDFAST_ATTEMPT_TIMEOUT', false]);
    expect(message).to.contain('tried again above');
    expect(layers.counts[2]).to.equal(1);
    expect(await within?.invoke('put', 'y')).to.equal('y');
  });

  it('are hedged as others are, marked as replays, but those of a replay are not', async () => {
    layers = await Layers.start(explicitly);
    const calls: CallContext[] = [];
    // The first copy that comes, to whichever server, is never answered.
    const put = (_: string, call: CallContext): Promise<string> | string => {
      calls.push(call);
      return call.isReplay && calls.length > 1 ? 'copy' : new Promise(() => {});
    };
    const listen = 'tcp://127.0.0.1:0';
    const start = (): Promise<Server> => serve(verbs, { put, pay: () => '' }, { listen });
    const pair = [await start(), await start()];
    layers.servers.push(...pair);
    const urls = pair.map((server) => server.urls[0] as string);
    const client = connect(urls, verbs, { hedge: { afterMs: 20 }, random: () => 0 });
    layers.clients.push(client);
    const over = { remainingMs: 4_000, signal: new AbortController().signal, onRetried: () => {} };
    const replay = client.within({ ...over, isReplay: true });
    await failureOf(replay.call.put('alone', { attemptTimeoutMs: 100 }));
    expect(calls.splice(0)).to.have.length(1);
    const first = client.within({ ...over, isReplay: false });
    expect(await first.call.put('hedged')).to.equal('copy');
    expect(calls.map(({ isReplay }) => isReplay)).to.deep.equal([false, true]);
    expect(calls[1]?.remainingMs).to.be.within(2_000, 4_000);
  });
});
