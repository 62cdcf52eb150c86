import { expect } from 'chai';
import { type Channel, connect, type Medium, memory, serve } from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { Breaker } from '../support/breaker.ts';
import { failureOf } from '../support/failure.ts';
import { Executions, verbs } from '../support/verbs.ts';

/** A medium that is refused, and notes when it was dialled. */
class Refused implements Medium {
  readonly address = 'refused:';
  readonly dials: number[] = [];
  open = 0;
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  async dial(): Promise<Channel> {
    this.dials.push(this.#clock.now());
    this.open++;
    expect(this.open, 'one dial at a time').to.equal(1);
    await new Promise((resolve) => setImmediate(resolve));
    this.open--;
    throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  }
}

describe('Promise 6: reconnects cannot become a storm', () => {
  let clock: VirtualClock;

  beforeEach(() => {
    clock = new VirtualClock({ turns: 'real' });
  });

  /** Delays between the dials of a client with 50 calls waiting, while chance says `share`. */
  async function delaysWith(share: number): Promise<number[]> {
    const medium = new Refused(clock);
    const client = connect(medium, verbs, { clock, random: () => share, timeoutMs: 60_000 });
    const calls = Array.from({ length: 50 }, (_, index) =>
      failureOf(client.call.mutate(`${index}`)),
    );
    await clock.pass(60_010);
    await Promise.all(calls);
    await client.close();
    return medium.dials.slice(1).map((at, index) => at - (medium.dials[index] as number));
  }

  it('dials once for all who wait: at once, then with doubling bounds up to the cap', async () => {
    const delays = await delaysWith(0.999_999);
    const bounds = [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000, 10_000];
    expect(delays).to.have.length(bounds.length);
    for (const [index, bound] of bounds.entries()) {
      expect(delays[index], `delay ${index}`).to.be.within(bound - 1, bound + 8);
    }
  });

  it('spreads the dials over the whole of each bound', async () => {
    const delays = await delaysWith(0.5);
    expect(delays.slice(0, 4).map((delay) => Math.round(delay / 50) * 50)).to.deep.equal([
      50, 100, 200, 400,
    ]);
  });

  it('does not dial when nobody waits any more', async () => {
    const medium = new Refused(clock);
    const client = connect(medium, verbs, { clock, random: () => 0.999, timeoutMs: 1_000 });
    await Promise.all([failureOf(client.call.mutate('x')), clock.pass(1_010)]);
    const dials = medium.dials.length;
    await clock.pass(600_000);
    expect(medium.dials).to.have.length(dials);
    expect(client.state).to.equal('idle');
    await client.close();
  });

  it('does not start over because a server accepts, says hello and ends', async () => {
    const here = memory();
    const executions = new Executions();
    const server = await serve(verbs, executions.handlers(), { listen: here });
    const delays: number[] = [];
    const medium: Medium = {
      address: here.address,
      dial: async (signal) => {
        const channel = await here.dial(signal);
        // The link comes up and dies before it has answered anything.
        client.once('state', () => channel.destroy());
        return channel;
      },
    };
    const client = connect(medium, verbs, { clock, random: () => 0.999_999, eager: true });
    client.on('reconnecting', ({ delayMs }) => delays.push(Math.round(delayMs)));
    while (delays.length < 6) await clock.pass(50);
    expect(delays).to.deep.equal([100, 200, 400, 800, 1_600, 3_200]);
    client.destroy();
    await client.closed;
    await server.close();
  });

  it('starts over after a link that was useful', async () => {
    const executions = new Executions();
    const server = await serve(verbs, executions.handlers(), { listen: 'tcp://127.0.0.1:0' });
    const breaker = await Breaker.before(server.urls[0] as string);
    const client = connect(breaker.url, verbs, { clock, eager: true });
    const delays: number[] = [];
    client.on('reconnecting', ({ delayMs }) => delays.push(delayMs));
    for (let round = 0; round < 3; round++) {
      await client.call.read('x');
      const lost = new Promise((resolve) => client.once('state', resolve));
      breaker.last.reset();
      await lost;
      await client.ready();
    }
    expect(delays).to.deep.equal([0, 0, 0]);
    client.destroy();
    await client.closed;
    await breaker.close();
    await server.close();
  });
});
