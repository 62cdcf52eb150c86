import { expect } from 'chai';
import { Endpoints } from '../../lib/client/endpoints.ts';
import { connect, HoldfastError, type Medium, memory, serve } from '../../lib/index.ts';
import { seededRandom, VirtualClock } from '../../lib/testing/index.ts';
import { Executions, verbs } from '../support/verbs.ts';

const [a, b, c] = ['a', 'b', 'c'].map((address) => ({ address }) as Medium) as [
  Medium,
  Medium,
  Medium,
];

const maxRetryAfterMs = 30_000;

describe('Endpoints', () => {
  it('spreads the dials over all addresses', () => {
    const endpoints = new Endpoints([a, b, c], { random: seededRandom(1), maxRetryAfterMs });
    const counts = new Map<Medium, number>();
    for (let dial = 0; dial < 300; dial++) {
      const medium = endpoints.choose(0);
      counts.set(medium, (counts.get(medium) ?? 0) + 1);
    }
    for (const medium of [a, b, c]) expect(counts.get(medium)).to.be.within(70, 130);
  });

  it('passes over an address that failed, for a while', () => {
    const endpoints = new Endpoints([a, b], { random: () => 0, maxRetryAfterMs });
    endpoints.failed(a, 1_000);
    expect(endpoints.choose(1_001)).to.equal(b);
    expect(endpoints.choose(10_999)).to.equal(b);
    expect(endpoints.choose(11_000)).to.equal(a);
  });

  it('takes the one whose failure is the longest ago when all have failed', () => {
    const endpoints = new Endpoints([a, b, c], { random: () => 0, maxRetryAfterMs });
    endpoints.failed(b, 1);
    endpoints.failed(c, 2);
    endpoints.failed(a, 3);
    expect(endpoints.choose(5)).to.equal(b);
  });

  it('passes over those that ask for it for as long as they ask, but not longer than is borne', () => {
    const endpoints = new Endpoints([a, b], { random: () => 0, maxRetryAfterMs });
    const asking = (retryAfterMs: number): HoldfastError =>
      new HoldfastError('ERR_HOLDFAST_OVERLOADED', 'not now', { retryAfterMs });
    endpoints.failed(a, 0, asking(1e9));
    endpoints.failed(b, 0, asking(5));
    expect(endpoints.choose(5)).to.equal(b);
    expect(endpoints.choose(10_000)).to.equal(b);
    endpoints.failed(b, 25_000);
    expect(endpoints.choose(29_999)).to.equal(b);
    expect(endpoints.choose(30_000)).to.equal(a);
    endpoints.failed(a, 30_000, asking(20_000));
    endpoints.succeeded(a);
    expect(endpoints.choose(30_001)).to.equal(a);
  });

  it('forgets a failure when the address proves useful', () => {
    const endpoints = new Endpoints([a, b], { random: () => 0, maxRetryAfterMs });
    endpoints.failed(a, 1);
    endpoints.succeeded(a);
    expect(endpoints.choose(2)).to.equal(a);
  });
});

describe('A client of several addresses', () => {
  it('tries the next address at once when one is refused', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    const here = memory('here');
    const nobody = memory('nobody');
    const executions = new Executions();
    const server = await serve(verbs, executions.handlers(), { listen: here });
    const client = connect([nobody, here], verbs, { clock, random: () => 0 });
    // The clock stands still: no delay may be waited for.
    expect(await client.call.mutate('x')).to.equal('done x');
    await client.close();
    await server.close();
  });

  it('goes to another server when one dies, with what was not executed', async () => {
    const places = [memory('one'), memory('two')] as const;
    const executions = new Executions();
    const servers = await Promise.all(
      places.map((listen) => serve(verbs, executions.handlers(), { listen })),
    );
    const client = connect([...places], verbs, { random: () => 0 });
    const links: string[] = [];
    client.on('state', ({ next }) => links.push(next));
    await client.call.read('first');
    await servers[0]?.close();
    expect(await client.call.mutate('x')).to.equal('done x');
    expect(executions.of('x')).to.equal(1);
    expect(links.filter((state) => state === 'waiting')).to.deep.equal([]);
    await client.close();
    await servers[1]?.close();
  });

  it('pauses only when every address was tried', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    const client = connect([memory('x'), memory('y'), memory('z')], verbs, {
      clock,
      random: () => 0.999_999,
      timeoutMs: 1_000,
    });
    const delays: number[] = [];
    client.on('reconnecting', ({ delayMs }) => delays.push(Math.round(delayMs)));
    const call = client.call.read('x').catch(() => {});
    await clock.pass(1_010);
    await call;
    expect(delays.slice(0, 5)).to.deep.equal([0, 0, 100, 200, 400]);
    await client.close();
  });
});
