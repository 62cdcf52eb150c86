import { expect } from 'chai';
import { connect, type HoldfastError, memory, serve } from '../../lib/index.ts';
import { preamble } from '../../lib/protocols/holdfast/frames.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failure.ts';
import { freePort } from '../support/free-port.ts';
import { fault, greet, type RawPeer } from '../support/raw-peer.ts';
import { echo, ScriptedServer } from '../support/scripted-server.ts';
import { Executions, verbs } from '../support/verbs.ts';

const busy = (retryAfterMs: number | null): Buffer =>
  fault(['ERR_HOLDFAST_OVERLOADED', 'come again later', retryAfterMs, false]);

describe('A FAULT that asks to wait', () => {
  let clock: VirtualClock;
  let scripted: ScriptedServer;
  let dialledAt: number[];

  beforeEach(() => {
    clock = new VirtualClock({ turns: 'real' });
    dialledAt = [];
  });

  afterEach(() => scripted.close());

  async function start(open: (peer: RawPeer, index: number) => unknown, chance = 0): Promise<void> {
    scripted = await ScriptedServer.start(
      async (peer, index) => {
        dialledAt.push(clock.now());
        await open(peer, index);
      },
      echo,
      { clock, random: () => chance, timeoutMs: 10_000, maxRetryAfterMs: 2_000 },
    );
  }

  /** The delays between dials, while a call waits. */
  async function delays(): Promise<number[]> {
    const call = scripted.client.call.mutate('x');
    for (let step = 0; step < 800; step++) await clock.pass(5);
    expect(await call).to.match(/^reply/);
    return dialledAt
      .slice(1)
      .map((at, index) => Math.round((at - (dialledAt[index] as number)) / 50) * 50);
  }

  /** Refuses the first dials with such a hint each. */
  function refusing(...hints: readonly (number | null)[]) {
    return async (peer: RawPeer, index: number): Promise<void> => {
      const hint = hints[index];
      if (hint === undefined) await greet(peer);
      else peer.send(preamble, busy(hint));
    };
  }

  it('at dialling delays the next dial by so much at least', async () => {
    await start(refusing(500, 300));
    expect(await delays()).to.deep.equal([500, 300]);
  });

  it('has jitter on top', async () => {
    await start(refusing(500), 0.5);
    expect(await delays()).to.deep.equal([750]);
  });

  it('is obeyed up to maxRetryAfterMs', async () => {
    await start(refusing(1e9));
    expect(await delays()).to.deep.equal([2_000]);
  });

  it('delays nothing when it has no hint', async () => {
    await start(refusing(null));
    expect(await delays()).to.deep.equal([0]);
  });

  it('on a link that was in use delays the next dial too', async () => {
    await start(async (peer) => greet(peer));
    await scripted.client.call.mutate('first');
    const lost = new Promise((resolve) => scripted.client.once('state', resolve));
    scripted.peers[0]?.sendLast(busy(700));
    await lost;
    const lostAt = clock.now();
    await delays();
    expect((dialledAt[1] as number) - lostAt).to.be.within(700, 800);
  });

  /** How a call ends, once the client knows how long it must wait. */
  async function endOf(call: Promise<unknown>): Promise<HoldfastError> {
    const failure = failureOf(call);
    let isOver = false;
    void failure.catch(() => {}).finally(() => (isOver = true));
    while (!isOver) await new Promise((turn) => setImmediate(turn));
    return failure;
  }

  it('longer than a call has time fails the call at once, and says so', async () => {
    await start(refusing(1e9));
    const madeAt = clock.now();
    const patient = scripted.client.call.mutate('patient');
    const first = await endOf(scripted.client.call.mutate('x', { timeoutMs: 1_500 }));
    const later = await endOf(scripted.client.call.mutate('y', { timeoutMs: 1_500 }));
    expect(clock.now() - madeAt).to.be.lessThan(100);
    for (const { code, outcome, message, retryAfterMs } of [first, later]) {
      expect([code, outcome, retryAfterMs]).to.deep.equal([
        'ERR_HOLDFAST_OVERLOADED',
        'not-executed',
        2_000,
      ]);
      expect(message).to.match(/"mutate" failed: .*come again later.* 2000 ms.*deadline/);
    }
    for (let step = 0; step < 800; step++) await clock.pass(5);
    expect(await patient).to.match(/^reply/);
  });

  it('does not hold up a dial to another address', async () => {
    await start(refusing(5_000));
    const here = memory('here');
    const server = await serve(verbs, new Executions().handlers(), { listen: here });
    const client = connect([scripted.url, here], verbs, { clock, random: () => 0 });
    // The clock stands still: nothing is waited for.
    expect(await client.call.mutate('x')).to.equal('done x');
    await client.close();
    await server.close();
  });

  it('holds up the next dial to that address, although another one fails meanwhile', async () => {
    await start(refusing(30_000));
    const nobody = `tcp://127.0.0.1:${await freePort()}`;
    const client = connect([nobody, scripted.url], verbs, {
      clock,
      random: () => 0.5,
      timeoutMs: 60_000,
      reconnectCapMs: 1_000,
    });
    const call = client.call.mutate('x');
    for (let step = 0; step < 5_800; step++) await clock.pass(5);
    expect(dialledAt).to.have.length(1);
    for (let step = 0; step < 1_000; step++) await clock.pass(5);
    expect(await call).to.match(/^reply/);
    await client.close();
  });
});
