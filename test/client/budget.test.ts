import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { budgetFor, sharedBudgets } from '../../lib/client/budgets.ts';
import {
  type Client,
  type ClientOptions,
  connect,
  type HoldfastError,
  type Medium,
  memory,
  read,
  refuse,
  retryBudget,
  type Server,
  serve,
  type Verbs,
} from '../../lib/index.ts';
import { budgetDefaults } from '../../lib/retry/budget.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failure.ts';
import { greet, type RawPeer } from '../support/raw-peer.ts';
import { echo, ScriptedServer } from '../support/scripted-server.ts';
import { verbs } from '../support/verbs.ts';

const poor = { ratio: 0, minPerSecond: 0, reserve: 0 };

describe('A client that loses many calls at once', () => {
  it('is forgiven one lost connection in the time of its budget, if that had answered', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    let isSilent = false;
    const answer = (peer: RawPeer, number: number): void => {
      if (!isSilent) echo(peer, number);
    };
    const scripted = await ScriptedServer.start((peer) => greet(peer), answer, {
      clock,
      random: () => 0,
      retryBudget: { ratio: 0, minPerSecond: 0, reserve: 0 },
    });
    const { client } = scripted;
    /** Calls that are sent into the void, and lost; how many of them succeed in the end. */
    const lose = async (): Promise<number> => {
      await client.call.read('the link is useful');
      isSilent = true;
      const link = scripted.calls.length - 1;
      const before = scripted.calls[link]?.length ?? 0;
      const calls = Promise.allSettled(
        Array.from({ length: 50 }, (_, index) => client.call.read(`${index}`)),
      );
      while ((scripted.calls[link]?.length ?? 0) < before + 50) await new Promise(setImmediate);
      isSilent = false;
      scripted.peers[link]?.destroy();
      return (await calls).filter(({ status }) => status === 'fulfilled').length;
    };
    expect(await lose()).to.equal(50);
    expect(await lose()).to.equal(0);
    await clock.pass(10_001);
    expect(await lose()).to.equal(50);
    await scripted.close();
  });
});

describe('A client whose retry budget is empty', () => {
  let server: Server | undefined;
  let client: Client<typeof verbs>;
  let scripted: ScriptedServer | undefined;

  afterEach(async () => {
    client?.destroy();
    await client?.closed;
    await server?.close();
    await scripted?.close();
    server = undefined;
    scripted = undefined;
  });

  async function start(handler: () => unknown, options: ClientOptions): Promise<void> {
    const here = memory('poor');
    const handle = async (): Promise<string> => (await handler()) as string;
    const handlers = {
      read: handle,
      idempotent: handle,
      semi: handle,
      once: handle,
      mutate: handle,
    };
    server = await serve(verbs, handlers, { listen: here });
    client = connect(here, verbs, { retryBudget: poor, ...options });
  }

  it('fails a refused call at once: it was not executed, and the hint is there', async () => {
    await start(() => {
      throw refuse({ retryAfterMs: 70, message: 'busy' });
    }, {});
    for (const verb of ['read', 'mutate'] as const) {
      const error = (await failureOf(client.call[verb]('x'))) as HoldfastError;
      expect(error).to.include({
        code: 'ERR_HOLDFAST_BUDGET',
        outcome: 'not-executed',
        retryAfterMs: 70,
        final: false,
      });
      expect(error.message).to.include('busy, and the retry budget is empty; it was not executed');
      expect(error.attempts).to.have.length(1);
      expect(error.attempts[0]).to.include({ evidence: 'refused', decision: 'fail' });
    }
  });

  it('fails a repeatable call that timed out, as one that may have run', async () => {
    await start(() => new Promise(() => {}), { attemptTimeoutMs: 20 });
    const read = (await failureOf(client.call.read('x'))) as HoldfastError;
    expect(read).to.include({ code: 'ERR_HOLDFAST_BUDGET', outcome: 'unknown' });
    expect(read.message).to.include('no answer within 20 ms, the retry budget is empty');
    const mutate = (await failureOf(client.call.mutate('x'))) as HoldfastError;
    expect(mutate).to.include({ code: 'ERR_HOLDFAST_ATTEMPT_TIMEOUT', outcome: 'unknown' });
  });

  it('still says "unknown" when an earlier attempt may have run and the last was refused', async () => {
    let attempts = 0;
    await start(
      () => {
        if (++attempts === 1) return new Promise(() => {});
        throw refuse({ retryAfterMs: 1 });
      },
      { attemptTimeoutMs: 20, retryBudget: { ...poor, reserve: 1 } },
    );
    const error = (await failureOf(client.call.read('x'))) as HoldfastError;
    expect(error).to.include({ code: 'ERR_HOLDFAST_BUDGET', outcome: 'unknown' });
    expect(attempts).to.equal(2);
  });

  it('asks the application first, if it can tell', async () => {
    await start(() => new Promise(() => {}), {
      attemptTimeoutMs: 20,
      reconcile: { read: () => ({ result: 'applied', output: 'found' }) },
    });
    expect(await client.call.read('x')).to.equal('found');
  });

  it('sends again for nothing what provably did not run: unsent, or behind the last line', async () => {
    let refused = 0;
    const here = memory('drained');
    const options = { retryBudget: poor, reconnectBaseMs: 1, reconnectCapMs: 2 };
    const failing: Medium = {
      address: here.address,
      dial: (signal) => {
        if (refused++ < 3) return Promise.reject(new Error('not yet'));
        return here.dial(signal);
      },
    };
    server = await serve(
      verbs,
      {
        read: () => 'ok',
        idempotent: () => 'ok',
        semi: () => 'ok',
        once: () => 'ok',
        mutate: () => 'ok',
      },
      { listen: here },
    );
    client = connect(failing, verbs, options);
    expect(await client.call.read('x')).to.equal('ok');
    const draining = server.drain();
    const calls = Array.from({ length: 30 }, (_, index) => client.call.mutate(`${index}`));
    await draining;
    server = await serve(verbs, { ...allOk }, { listen: here });
    expect(await Promise.all(calls)).to.deep.equal(new Array(30).fill('ok'));
  });

  for (const [what, registry, expected] of [
    ['is what the server publishes of the verb, without a registry', undefined, 'ok'],
    [
      'is no more than the client says',
      { flaky: read<string, string>({ retryRatio: 0 }) },
      'empty',
    ],
    ['is no more than the server says', { flaky: read<string, string>({ retryRatio: 5 }) }, 'ok'],
  ] as const) {
    it(`is filled by what a call earns, which ${what}`, async () => {
      const seen = new Set<string>();
      const flaky = (name: string): string => {
        if (seen.has(name)) return 'ok';
        seen.add(name);
        throw refuse({ retryAfterMs: 1 });
      };
      const here = memory('published');
      const published = { flaky: read<string, string>({ retryRatio: 1 }) };
      server = await serve(published, { flaky }, { listen: here });
      const caller = connect(here, registry as unknown as Verbs, { retryBudget: poor });
      for (let index = 0; index < 10; index++) {
        const told = caller.invoke('flaky', `${index}`).catch(({ code }) => code);
        expect(await told).to.equal(expected === 'ok' ? 'ok' : 'ERR_HOLDFAST_BUDGET');
      }
      await caller.close();
    });
  }

  it('spends one replay for each call that was lost on its way, and fails the others', async () => {
    scripted = await ScriptedServer.start(
      (peer) => greet(peer),
      (peer, number, index) => {
        if (index > 1) echo(peer, number);
        else if (number === 10) peer.destroy();
      },
      { retryBudget: { ratio: 0.2, minPerSecond: 0, reserve: 1 } },
    );
    client = scripted.client;
    const calls = Array.from({ length: 10 }, (_, index) =>
      client.call.read(`${index}`).then(
        () => 'ok',
        (error: HoldfastError) => `${error.code} ${error.outcome}`,
      ),
    );
    const told = await Promise.all(calls);
    // The first loss is forgiven. Ten first attempts earn two, and one was in hand; the oldest go first.
    expect(told.slice(0, 3)).to.deep.equal(['ok', 'ok', 'ok']);
    expect(new Set(told.slice(3))).to.deep.equal(new Set(['ERR_HOLDFAST_BUDGET unknown']));
  });
});

const allOk = {
  read: () => 'ok',
  idempotent: () => 'ok',
  semi: () => 'ok',
  once: () => 'ok',
  mutate: () => 'ok',
};

describe('Retry budgets', () => {
  const medium = (address: string): Medium => ({ address, dial: () => new Promise(() => {}) });

  it('are shared by all who go to one address with the same settings and clock', () => {
    const clock = new VirtualClock();
    const budget = budgetFor(medium('tcp://a:1'), budgetDefaults, clock);
    expect(budgetFor(medium('tcp://a:1'), { ratio: 0.2 }, clock)).to.equal(budget);
    const others = [
      budgetFor(medium('tcp://a:2'), budgetDefaults, clock),
      budgetFor(medium('tcp://a:1'), { ratio: 0.3 }, clock),
      budgetFor(medium('tcp://a:1'), budgetDefaults, new VirtualClock()),
    ];
    for (const other of others) expect(other).not.to.equal(budget);
  });

  it('are shared by those with the same medium where the address is not that of one server', () => {
    const clock = new VirtualClock();
    const here = memory('x');
    const budget = budgetFor(here, budgetDefaults, clock);
    expect(budgetFor(here, budgetDefaults, clock)).to.equal(budget);
    expect(budgetFor(memory('x'), budgetDefaults, clock)).not.to.equal(budget);
  });

  it('may be brought along, to share between servers, or switched off', () => {
    const clock = new VirtualClock();
    const own = retryBudget();
    expect(budgetFor(medium('tcp://a:1'), own, clock)).to.equal(own);
    expect(budgetFor(medium('tcp://a:2'), own, clock)).to.equal(own);
    const none = budgetFor(medium('tcp://a:1'), false, clock);
    for (let index = 0; index < 1_000; index++) expect(none.withdraw(0)).to.equal(true);
  });

  it('leave nothing behind once nobody uses them', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const clock = new VirtualClock();
    for (let port = 0; port < 1_000; port++) {
      budgetFor(medium(`tcp://a:${port}`), budgetDefaults, clock);
    }
    const kept = budgetFor(medium('tcp://kept:1'), budgetDefaults, clock);
    for (let round = 0; round < 50 && sharedBudgets(clock) > 1; round++) {
      await new Promise((resolve) => setImmediate(resolve));
      gc();
    }
    expect(sharedBudgets(clock)).to.equal(1);
    expect(budgetFor(medium('tcp://kept:1'), budgetDefaults, clock)).to.equal(kept);
  });
});
