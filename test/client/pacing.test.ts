import { expect } from 'chai';
import {
  type Client,
  type ClientOptions,
  connect,
  type HoldfastError,
  memory,
  refuse,
  type Server,
  serve,
} from '../../lib/index.ts';
import { wheelOf } from '../../lib/retry/timer-wheel.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { ampleBudget } from '../support/budgets.ts';
import { failureOf } from '../support/failure.ts';
import { verbs } from '../support/verbs.ts';

describe('A client whose server has too much to do', () => {
  let clock: VirtualClock;
  let server: Server;
  let client: Client<typeof verbs>;
  let arrived: string[];
  let isBusy: boolean;

  async function start(options: ClientOptions = {}): Promise<void> {
    clock = new VirtualClock({ turns: 'real' });
    arrived = [];
    isBusy = false;
    const here = memory('busy');
    const handle = (name: string): string => {
      arrived.push(name);
      if (isBusy) throw refuse({ overloaded: true, retryAfterMs: 20_000 });
      return name;
    };
    const handlers = {
      read: handle,
      idempotent: handle,
      semi: handle,
      once: handle,
      mutate: handle,
    };
    server = await serve(verbs, handlers, { listen: here, clock });
    client = connect(here, verbs, { clock, timeoutMs: 10_000, random: () => 0, ...options });
  }

  /** Lets the server refuse one call, at a rate of two a second. */
  async function complain(): Promise<void> {
    isBusy = true;
    const [failure] = await Promise.all([failureOf(client.call.mutate('refused')), clock.pass(5)]);
    expect(failure).to.include({
      code: 'ERR_HOLDFAST_OVERLOADED',
      outcome: 'not-executed',
      retryAfterMs: 20_000,
    });
    isBusy = false;
    arrived.length = 0;
  }

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await server.close();
    expect(wheelOf(clock).size).to.equal(0);
  });

  it('sends its calls one after another, in their order', async () => {
    await start();
    await complain();
    const names = Array.from({ length: 6 }, (_, index) => `${index}`);
    const calls = names.map((name) => client.call.mutate(name));
    await clock.pass(100);
    expect(arrived).to.have.length.below(2);
    await clock.pass(5_000);
    expect(arrived).to.deep.equal(names);
    expect(await Promise.all(calls)).to.deep.equal(names);
  });

  it('fails a call at once whose turn would come after its deadline', async () => {
    await start();
    await complain();
    const call = client.call.mutate('in time');
    const late = (await failureOf(client.call.mutate('late', { timeoutMs: 900 }))) as HoldfastError;
    expect(late).to.include({ code: 'ERR_HOLDFAST_OVERLOADED', outcome: 'not-executed' });
    expect(late.retryAfterMs).to.be.within(900, 2_000);
    expect(late.message).to.match(/turn would come in \d+ ms, after its deadline/);
    await clock.pass(5_000);
    expect(await call).to.equal('in time');
    expect(arrived).to.deep.equal(['in time']);
  });

  it('fails those that wait as soon as they must wait too long', async () => {
    await start();
    const calls = Array.from({ length: 40 }, (_, index) => {
      const called = client.call.mutate(`${index}`, { timeoutMs: 3_000 });
      return called.then(
        () => 'ok',
        ({ code, outcome }: HoldfastError) => `${code} ${outcome}`,
      );
    });
    await complain();
    isBusy = true;
    const waiting = Array.from({ length: 40 }, (_, index) => {
      const made = clock.now();
      const called = client.call.mutate(`later ${index}`, { timeoutMs: 1_000 + 100 * index });
      return called.then(
        () => [clock.now() - made, 'ok'] as const,
        ({ code, outcome }: HoldfastError) => [clock.now() - made, `${code} ${outcome}`] as const,
      );
    });
    await clock.pass(8_000);
    const told = await Promise.all(waiting);
    for (const [afterMs, what] of told) {
      expect(what).to.equal('ERR_HOLDFAST_OVERLOADED not-executed');
      expect(afterMs).to.be.below(4_900);
    }
    await Promise.all(calls);
  });

  it('lets a call be cancelled while it waits for its turn; the next one takes its place', async () => {
    await start();
    await complain();
    const abort = new AbortController();
    const cancelled = failureOf(client.call.mutate('cancelled', { signal: abort.signal }));
    const next = client.call.mutate('next');
    await clock.pass(10);
    abort.abort();
    expect(await cancelled).to.include({ code: 'ERR_HOLDFAST_ABORTED', outcome: 'not-executed' });
    await clock.pass(900);
    expect(await next).to.equal('next');
    expect(arrived).to.deep.equal(['next']);
  });

  it('fails what waits when it is destroyed, and leaves no alarm', async () => {
    await start();
    await complain();
    const failures = [1, 2].map((index) => failureOf(client.call.mutate(`${index}`)));
    await clock.pass(10);
    client.destroy();
    for (const failure of await Promise.all(failures)) {
      expect(failure).to.include({ code: 'ERR_HOLDFAST_CLOSED', outcome: 'not-executed' });
    }
  });

  it('is not slowed down when `pacing` is off, nor by a refusal of another kind', async () => {
    await start({ pacing: false });
    await complain();
    const names = Array.from({ length: 50 }, (_, index) => `${index}`);
    const calls = names.map((name) => client.call.mutate(name));
    await clock.pass(5);
    expect(await Promise.all(calls)).to.deep.equal(names);
  });
});

describe('What a server asks to wait', () => {
  /** When the attempts of a call arrive that is refused so often with this hint. */
  async function arrivals(
    retryAfterMs: number,
    chance: number,
    options: ClientOptions = {},
  ): Promise<number[]> {
    const clock = new VirtualClock({ turns: 'real' });
    const here = memory('hint');
    const at: number[] = [];
    const handle = (): string => {
      at.push(clock.now());
      if (at.length < 3) throw refuse({ retryAfterMs });
      return 'done';
    };
    const handlers = {
      read: handle,
      idempotent: handle,
      semi: handle,
      once: handle,
      mutate: handle,
    };
    const server = await serve(verbs, handlers, { listen: here, clock });
    const client = connect(here, verbs, {
      clock,
      random: () => chance,
      retryBudget: ampleBudget,
      ...options,
    });
    await client.ready();
    const call = client.call.mutate('x').catch(() => 'failed');
    // In steps that are small beside what is measured: a message takes some turns of the real loop.
    for (let step = 0; step < 1_200; step++) await clock.pass(5);
    await call;
    await client.close();
    await server.close();
    return at.slice(1).map((time, index) => Math.round((time - (at[index] as number)) / 50) * 50);
  }

  it('is the least that the client waits, whatever chance says', async () => {
    expect(await arrivals(500, 0)).to.deep.equal([500, 500]);
  });

  it('has jitter on top, up to as much again at first', async () => {
    expect(await arrivals(500, 0.5)).to.deep.equal([750, 1_000]);
    expect(await arrivals(500, 0.999_999)).to.deep.equal([1_000, 1_500]);
  });

  it('is obeyed up to maxRetryAfterMs', async () => {
    expect(await arrivals(5_000, 0, { maxRetryAfterMs: 300 })).to.deep.equal([300, 300]);
    expect(await arrivals(1e300, 0, { maxRetryAfterMs: 300 })).to.deep.equal([300, 300]);
  });

  it('is not made to miss the deadline by chance, and ends the call when it must', async () => {
    expect(await arrivals(500, 0.9, { timeoutMs: 900 })).to.deep.equal([850]);
    expect(await arrivals(1_000, 0, { timeoutMs: 900 })).to.deep.equal([]);
  });
});
