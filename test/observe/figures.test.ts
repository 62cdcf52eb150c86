import { expect } from 'chai';
import {
  type Client,
  connect,
  defineVerbs,
  memory,
  mutate,
  type Route,
  read,
  refuse,
  type Server,
  serve,
} from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failure.ts';
import { Gated } from '../support/gated.ts';
import { verbs } from '../support/verbs.ts';

const table = defineVerbs({
  half: read<number, number>(),
  plain: mutate<string, string>(),
  even: read({
    input: numbers((value) => typeof value === 'number'),
    output: numbers((value) => value % 2 === 0),
  }),
});

/** A schema that takes what satisfies `test`. */
function numbers(test: (value: number) => boolean) {
  return {
    '~standard': {
      version: 1 as const,
      vendor: 'holdfast-test',
      validate: (value: unknown) =>
        test(value as number) ? { value: value as number } : { issues: [{ message: 'not so' }] },
    },
  };
}

describe("A client's and a server's routes", () => {
  let client: Client<typeof table>;
  let server: Server;
  let clock: VirtualClock;

  beforeEach(async () => {
    const medium = memory();
    let calls = 0;
    clock = new VirtualClock({ turns: 'real' });
    const half = (input: number): number => {
      if (++calls % 2 === 1) throw refuse({ retryAfterMs: 0 });
      return input;
    };
    const plain = (word: string): string => {
      if (word === 'bad') throw new Error('bad');
      return word;
    };
    const even = (input: unknown): number => input as number;
    server = await serve(table, { half, plain, even }, { listen: medium, clock });
    client = connect(medium, table, { random: () => 0, clock, retryBudget: { ratio: 1 } });
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await server.close();
  });

  function routeOf(of: { routes(): Route[] }, verb: string): Route {
    const route = of.routes().find((row) => row.verb === verb);
    if (route === undefined) throw new Error(`No row for ${verb}`);
    return route;
  }

  it('show full success to callers of a verb that fails half of the time', async () => {
    for (let index = 0; index < 20; index++) expect(await client.call.half(index)).to.equal(index);
    clock.advance(10_000);
    expect(routeOf(client, 'half')).to.include({
      effectiveSuccess: 1,
      effectiveRate: 2,
      actualSuccess: 0.5,
      actualRate: 4,
      replays: 20,
      refusals: 20,
      failures: 0,
      budgetRefusals: 0,
    });
    expect(routeOf(server, 'half')).to.include({
      effectiveSuccess: 1,
      effectiveRate: 2,
      actualSuccess: 0.5,
      actualRate: 4,
      replays: 20,
      refusals: 20,
      failures: 0,
    });
  });

  it('count what handlers fail on both sides', async () => {
    await client.call.plain('good');
    await failureOf(client.call.plain('bad'));
    for (const side of [client, server]) {
      expect(routeOf(side, 'plain')).to.include({
        effectiveSuccess: 0.5,
        actualSuccess: 0.5,
        failures: 1,
        unknownOutcomes: 0,
      });
    }
  });

  it('count calls that were not made, without an attempt', async () => {
    await failureOf(client.call.plain('x', { signal: AbortSignal.abort() }));
    const { total, p50Ms } = routeOf(client, 'plain');
    expect(total).to.include({ calls: 1, failures: 1, attempts: 0 });
    expect(p50Ms).to.equal(undefined);
    expect(server.routes()).to.deep.equal([]);
  });

  it('count what schemas refuse as their callers see it', async () => {
    expect(await client.call.even(2)).to.equal(2);
    // Once, although it is a "read" and could be made again.
    await failureOf(client.call.even(3, { replay: 'never' }));
    await failureOf(client.call.even('x' as never));
    expect(routeOf(client, 'even').total).to.include({ calls: 3, failures: 2, attempts: 2 });
    // The server checks outputs too: its handler's was wrong.
    expect(routeOf(server, 'even').total).to.include({ calls: 2, failures: 1, attempts: 2 });
  });

  it('count names that the server does not have at the client', async () => {
    await failureOf(client.invoke('nothing'));
    expect(routeOf(client, 'nothing').total).to.include({ calls: 1, failures: 1, attempts: 0 });
    expect(server.routes()).to.deep.equal([]);
  });
});

describe('Routes, when links are lost', () => {
  it('count replays, unknown outcomes and how long callers waited', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    const gated = await Gated.start('tcp://127.0.0.1:0', verbs, { clock });
    const client = connect(gated.url, verbs, { random: () => 0, clock });
    const calls = [client.call.semi('lock'), failureOf(client.call.mutate('pay'))] as const;
    await gated.begun(2);
    gated.breaker.last.reset();
    const isBack = new Promise<void>((resolve) => {
      client.on('state', ({ next }) => next === 'ready' && resolve());
    });
    await isBack;
    clock.advance(1_000);
    gated.open('lock');
    await calls[0];
    clock.advance(29_000);
    expect((await calls[1]).outcome).to.equal('unknown');
    const rows = Object.fromEntries(client.routes().map((row) => [row.verb, row]));
    // The server had it and went on: its answer came on the second link, to the first attempt.
    expect(rows['semi']?.total).to.include({ calls: 1, failures: 0, attempts: 1, replays: 0 });
    expect(rows['semi']?.p50Ms).to.be.closeTo(1_000, 32);
    expect(rows['mutate']?.total).to.include({ failures: 1, unknownOutcomes: 1, attempts: 1 });
    expect(rows['mutate']?.p50Ms).to.be.closeTo(30_000, 940);
    client.destroy();
    await client.closed;
    await gated.close();
  });
});
