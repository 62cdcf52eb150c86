import { expect } from 'chai';
import {
  type CallOptions,
  type Client,
  type ClientOptions,
  connect,
  type HoldfastError,
  memory,
  refuse,
  type Server,
  serve,
  transient,
} from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { ampleBudget } from '../support/budgets.ts';
import { Gated } from '../support/gated.ts';
import { verbs } from '../support/verbs.ts';

/** How a call was told to end. */
function told(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'ok',
    ({ code, outcome }: HoldfastError) => `${code} ${outcome}`,
  );
}

describe('An application that cancels in the midst of what it is told or asked', () => {
  let clock: VirtualClock;
  let server: Server | undefined;
  let client: Client<typeof verbs>;
  let executions: number;

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await server?.close();
    server = undefined;
  });

  async function start(answer: () => unknown, options: ClientOptions = {}): Promise<void> {
    clock = new VirtualClock({ turns: 'real' });
    executions = 0;
    const handle = (name: string): string => {
      if (name !== 'x') return 'other';
      executions++;
      return answer() as string;
    };
    const handlers = {
      read: handle,
      idempotent: handle,
      semi: handle,
      once: handle,
      mutate: handle,
    };
    const here = memory('callbacks');
    server = await serve(verbs, handlers, { listen: here });
    client = connect(here, verbs, {
      clock,
      random: () => 0,
      retryBudget: ampleBudget,
      ...options,
    });
    await client.ready();
  }

  /** Nothing is left of the call, and another one is counted as ever. */
  async function expectSound(): Promise<void> {
    expect(client.pending).to.equal(0);
    expect(clock.keepsAlive).to.equal(false);
    const next = client.call.read('y');
    expect(client.pending).to.equal(1);
    expect(clock.keepsAlive).to.equal(true);
    expect(await next).to.equal('other');
    expect([client.pending, clock.keepsAlive]).to.deep.equal([0, false]);
    await client.close();
  }

  const failing = (): never => {
    throw transient(new Error('overheated'));
  };
  const refusing = (): never => {
    throw refuse({ retryAfterMs: 5 });
  };

  type Telling = (cancel: () => void) => CallOptions;
  const ways: readonly (readonly [string, Telling])[] = [
    ['retryIf', (cancel) => ({ retryIf: () => void cancel() })],
    ['retryIf, which says yes', (cancel) => ({ retryIf: () => cancel() === undefined })],
    ['retryIf, which says no', (cancel) => ({ retryIf: () => cancel() !== undefined })],
    ['onAttempt', (cancel) => ({ onAttempt: cancel })],
  ];
  for (const [how, telling] of ways) {
    for (const [what, answer, expected] of [
      ['an error that will pass', failing, /^ERR_HOLDFAST_(ABORTED|REMOTE) executed$/],
      ['a refusal', refusing, /^ERR_HOLDFAST_(ABORTED|REFUSED) not-executed$/],
    ] as const) {
      it(`by ${how}, of ${what}: the call ends once, with the truth`, async () => {
        await start(answer);
        const controller = new AbortController();
        const { signal } = controller;
        const options = telling(() => controller.abort());
        const call = told(client.call.read('x', { ...options, signal }));
        expect(await call).to.match(expected);
        expect(executions).to.equal(1);
        await expectSound();
      });
    }
  }

  it('by accept: a reply that is there is given, or the call was executed', async () => {
    for (const isGood of [true, false]) {
      await start(() => 'done');
      const controller = new AbortController();
      const { signal } = controller;
      const accept = (): boolean => {
        controller.abort();
        return isGood;
      };
      const call = told(client.call.mutate('x', { signal, accept }));
      expect(await call).to.match(isGood ? /^ok$/ : /^ERR_HOLDFAST_\w+ executed$/);
      await expectSound();
      await server?.close();
    }
  });

  it('by accept, the whole client: the same', async () => {
    await start(() => 'done');
    const call = client.call.mutate('x', {
      accept: () => {
        client.destroy();
        return true;
      },
    });
    expect(await told(call)).to.match(/^ok$|^ERR_HOLDFAST_CLOSED executed$/);
    await client.closed;
    expect([client.pending, clock.keepsAlive]).to.deep.equal([0, false]);
  });

  for (const event of ['attempt', 'replay'] as const) {
    it(`by a listener for "${event}", which destroys the client`, async () => {
      await start(failing);
      client.on(event, () => client.destroy());
      expect(await told(client.call.read('x'))).to.equal('ERR_HOLDFAST_CLOSED executed');
      await client.closed;
      expect([client.pending, clock.keepsAlive]).to.deep.equal([0, false]);
    });
  }

  it('does not take a call that runs at the server for one that never did', async () => {
    const gated = await Gated.start();
    const controller = new AbortController();
    const { signal } = controller;
    const decisions: string[] = [];
    client = connect(gated.url, verbs, { random: () => 0 });
    const call = client.call.mutate('x', {
      signal,
      onAttempt: ({ decision }) => {
        decisions.push(decision);
        if (decision === 'attach') controller.abort();
      },
    });
    const end = told(call);
    await gated.begun(1);
    gated.breaker.last.reset();
    expect(await end).to.equal('ERR_HOLDFAST_ABORTED unknown');
    expect(decisions).to.deep.equal(['attach', 'fail']);
    const other = client.call.mutate('y');
    await gated.begun(2);
    gated.open('y');
    await other;
    expect(client.pending).to.equal(0);
    await client.close();
    await gated.close();
  });

  it('ends every call once when a listener cancels others', async () => {
    await start(() => new Promise(() => {}));
    const controllers = Array.from({ length: 5 }, () => new AbortController());
    const calls = controllers.map(({ signal }) =>
      told(
        client.call.read('x', {
          signal,
          onAttempt: () => {
            for (const controller of controllers) controller.abort();
          },
        }),
      ),
    );
    while (executions < 5) await new Promise(setImmediate);
    controllers[2]?.abort();
    expect(new Set(await Promise.all(calls))).to.deep.equal(
      new Set(['ERR_HOLDFAST_ABORTED unknown']),
    );
    await expectSound();
  });

  it('ends every call once when a listener cancels others while the client is destroyed', async () => {
    await start(() => new Promise(() => {}));
    const controllers = Array.from({ length: 5 }, () => new AbortController());
    client.on('attempt', () => {
      for (const controller of controllers) controller.abort();
    });
    const calls = controllers.map(({ signal }) => told(client.call.read('x', { signal })));
    while (executions < 5) await new Promise(setImmediate);
    client.destroy();
    for (const end of await Promise.all(calls)) expect(end).to.contain(' unknown');
    await client.closed;
    expect([client.pending, clock.keepsAlive]).to.deep.equal([0, false]);
  });
});
