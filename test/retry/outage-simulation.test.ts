import { expect } from 'chai';
import { type ClientOptions, connect, memory, refuse, serve } from '../../lib/index.ts';
import { retryBudget } from '../../lib/retry/budget.ts';
import { seededRandom, VirtualClock } from '../../lib/testing/index.ts';
import { greet, type RawPeer } from '../support/raw-peer.ts';
import { echo, ScriptedServer } from '../support/scripted-server.ts';
import { verbs } from '../support/verbs.ts';

type Handler = (signal: AbortSignal) => Promise<string>;

/** Nothing is ever answered. */
const hang: Handler = (signal) =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve('too late'));
  });

/** Everything is refused, for now. */
const decline: Handler = async () => {
  throw refuse({ retryAfterMs: 100 });
};

interface Outage {
  readonly perSecond: number;
  readonly seconds: number;
  readonly handler: Handler;
  readonly options?: ClientOptions;
}

/** How many calls a client makes and how many come to the server, during an outage from the first on. */
async function simulate({ perSecond, seconds, handler, options }: Outage): Promise<{
  first: number;
  extra: number;
  codes: Record<string, number>;
}> {
  const clock = new VirtualClock({ turns: 'real' });
  const here = memory('outage');
  let arrived = 0;
  const handle = (_: unknown, { signal }: { readonly signal: AbortSignal }): Promise<string> => {
    arrived++;
    return handler(signal);
  };
  const handlers = { read: handle, idempotent: handle, semi: handle, once: handle, mutate: handle };
  const server = await serve(verbs, handlers, { listen: here, clock, maxCalls: 60_000 });
  const random = seededRandom(7);
  const client = connect(here, verbs, { clock, random, timeoutMs: 10_000, ...options });
  const codes: Record<string, number> = {};
  const calls: Promise<void>[] = [];
  const note = (code: string): void => {
    codes[code] = (codes[code] ?? 0) + 1;
  };
  const stepMs = Math.max(20, 1_000 / perSecond);
  for (let at = 0; at < seconds * 1_000; at += stepMs) {
    for (let index = 0; index < (perSecond * stepMs) / 1_000; index++) {
      const call = client.call.read('x');
      calls.push(
        call.then(
          () => note('ok'),
          ({ code }) => note(code),
        ),
      );
    }
    await clock.pass(stepMs);
  }
  await clock.pass(11_000);
  await Promise.all(calls);
  await client.close();
  await server.close();
  return { first: calls.length, extra: arrived - calls.length, codes };
}

/** The configured share, and one probe in each 10 s that have begun. */
function allowed(first: number, seconds: number): number {
  return 0.2 * first + Math.floor(seconds / 10) + 1;
}

describe('The retry budget in a total outage', () => {
  const timeouts = { attemptTimeoutMs: 1_000 };
  const outages: readonly (readonly [string, Outage])[] = [
    [
      '1 call a second, none answered',
      { perSecond: 1, seconds: 600, handler: hang, options: timeouts },
    ],
    ['1 call a second, all refused', { perSecond: 1, seconds: 600, handler: decline }],
    [
      '50 calls a second, none answered',
      { perSecond: 50, seconds: 40, handler: hang, options: timeouts },
    ],
    ['50 calls a second, all refused', { perSecond: 50, seconds: 40, handler: decline }],
    [
      '5,000 calls a second, none answered',
      { perSecond: 5_000, seconds: 2, handler: hang, options: { attemptTimeoutMs: 300 } },
    ],
    ['5,000 calls a second, all refused', { perSecond: 5_000, seconds: 2, handler: decline }],
  ];

  for (const [name, outage] of outages) {
    it(`keeps the extra load below the share: ${name}`, async () => {
      const { first, extra, codes } = await simulate(outage);
      expect(first).to.equal(outage.perSecond * outage.seconds);
      expect(extra).to.be.at.most(allowed(first, outage.seconds + 11));
      // And what is allowed is used: calls fail for want of a budget, not for another reason.
      expect(extra).to.be.above(0.15 * first);
      expect(codes).not.to.have.property('ok');
      expect(codes)
        .to.have.property('ERR_HOLDFAST_BUDGET')
        .above(0.5 * first);
    });
  }

  it('keeps it there too when every connection is made, and lost with what was on it', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    let isDown = false;
    let onFirstLost = 0;
    const answer = (peer: RawPeer, number: number, index: number): void => {
      if (!isDown) echo(peer, number);
      else if (index === 0) onFirstLost++;
      // All that was written together has come.
      if (isDown) setImmediate(() => peer.destroy());
    };
    const scripted = await ScriptedServer.start((peer) => greet(peer), answer, {
      clock,
      random: seededRandom(7),
      timeoutMs: 10_000,
    });
    const { client } = scripted;
    await client.call.read('the link is useful');
    isDown = true;
    const seconds = 40;
    const calls: Promise<unknown>[] = [];
    for (let at = 0; at < seconds * 1_000; at += 20) {
      calls.push(client.call.read('x').catch(() => {}));
      await clock.pass(20);
    }
    await clock.pass(11_000);
    await Promise.all(calls);
    const replays = client.routes()[0]?.total.replays ?? 0;
    // What was on the one connection that had proved useful is forgiven.
    expect(onFirstLost).to.be.within(1, 5);
    expect(replays).to.be.at.most(allowed(calls.length, seconds + 11) + onFirstLost);
    expect(replays).to.be.above(0.1 * calls.length);
    await scripted.close();
  });

  it('would be several times as much without a budget', async () => {
    const options = { ...timeouts, retryBudget: false } as const;
    const outage = { perSecond: 50, seconds: 10, handler: hang, options };
    const { first, extra } = await simulate(outage);
    expect(extra).to.equal(4 * first);
  });

  for (const perSecond of [1, 50, 5_000]) {
    it(`allows in no 10 s of a long outage more than the share and one probe, at ${perSecond} a second`, () => {
      const budget = retryBudget();
      const stepMs = 1_000 / Math.min(perSecond, 100);
      const perStep = perSecond / Math.min(perSecond, 100);
      const again: number[] = [];
      for (let now = 0; now < 120_000; now += stepMs) {
        for (let index = 0; index < perStep; index++) budget.deposit(now);
        let count = 0;
        // Everything that was ever made wants to be sent again.
        while (budget.withdraw(now)) count++;
        again.push(count);
      }
      const stepsOfTtl = 10_000 / stepMs;
      const first = stepsOfTtl * perStep;
      let sum = 0;
      for (const [index, count] of again.entries()) {
        sum += count - (again[index - stepsOfTtl] ?? 0);
        expect(sum, `10 s until ${index * stepMs} ms`).to.be.at.most(0.2 * first + 1);
      }
      expect(sum).to.be.at.least(0.19 * first);
    });
  }
});
