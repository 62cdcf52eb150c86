import { expect } from 'chai';
import {
  type AttemptRecord,
  type Client,
  type ClientOptions,
  connect,
  defineVerbs,
  idempotent,
  mutate,
  type Route,
  refuse,
  semi,
} from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { ampleBudget } from '../support/budgets.ts';
import { failureOf } from '../support/failure.ts';
import { Gated } from '../support/gated.ts';
import { settled } from '../support/recorder.ts';
import { verbs } from '../support/verbs.ts';

const hedge = { afterMs: 50 };

describe('A call that takes long, with hedges', () => {
  let clock: VirtualClock;
  let servers: Gated[];
  let clients: Client<typeof verbs>[];

  beforeEach(() => {
    clock = new VirtualClock({ turns: 'real' });
    servers = [];
    clients = [];
  });

  afterEach(async () => {
    for (const client of clients) {
      client.destroy();
      await client.closed;
    }
    await Promise.all(servers.map((server) => server.close()));
  });

  /** A client of so many servers, which dials the first first, and the next for its copies. */
  async function start(
    count: number,
    options: ClientOptions<typeof verbs> = { hedge },
  ): Promise<Client<typeof verbs>> {
    for (let index = 0; index < count; index++) servers.push(await Gated.start());
    return open(options);
  }

  async function open(options: ClientOptions<typeof verbs>): Promise<Client<typeof verbs>> {
    const urls = servers.map(({ url }) => url);
    const common = { clock, random: () => 0, retryBudget: ampleBudget };
    const client = connect(urls, verbs, { ...common, ...options });
    clients.push(client);
    await client.ready();
    return client;
  }

  function executed(): number[] {
    return servers.map(({ executions }) => executions.total);
  }

  /** The call has come to one, and when it is not answered its copy to the other. */
  async function hedged(one: Gated, other: Gated): Promise<void> {
    await one.begun(1);
    await clock.pass(60);
    await other.begun(1);
  }

  it('is sent to another server as well; the first good answer counts, the other is cancelled', async () => {
    const client = await start(2);
    const [one, other] = servers as [Gated, Gated];
    const call = client.withHistory.idempotent('a');
    await one.begun(1);
    await clock.pass(45);
    await settled(() => other.executions.total);
    expect(executed()).to.deep.equal([1, 0]);
    await clock.pass(10);
    await other.begun(1);
    other.open('a');
    const { value, attempts } = await call;
    expect(value).to.equal('done a');
    await one.until(() => one.aborted.length > 0);
    expect([one.aborted, other.aborted, executed()]).to.deep.equal([['a'], [], [1, 1]]);
    expect(client.pending).to.equal(0);
    expect(attempts.map(({ number, link, decision, why }) => [number, link, decision, why]))
      .to //
      .deep.equal([
        [2, other.url, 'hedge', 'no answer within 52 ms: a copy goes to another address'],
        [2, `${other.url}#1`, 'deliver', 'the server replied'],
        [1, `${one.url}#1`, 'cancel', 'another copy was answered first'],
      ]);
  });

  it('cancels the copy when the first is answered first', async () => {
    const client = await start(2);
    const [one, other] = servers as [Gated, Gated];
    const call = client.call.idempotent('a');
    await hedged(one, other);
    one.open('a');
    expect(await call).to.equal('done a');
    await other.until(() => other.aborted.length > 0);
    expect([one.aborted, other.aborted]).to.deep.equal([[], ['a']]);
  });

  it('is sent once when it is answered soon', async () => {
    const client = await start(2);
    expect(await client.call.read('a')).to.equal('done a');
    await clock.pass(100);
    await settled(() => servers[1]?.executions.total as number);
    expect(executed()).to.deep.equal([1, 0]);
  });

  it('has no more copies than `max`, each after another such time', async () => {
    const client = await start(4, { hedge: { ...hedge, max: 2 } });
    const call = client.call.idempotent('a');
    for (const [index, server] of servers.slice(0, 3).entries()) {
      await server.begun(1);
      expect(executed().slice(index + 1)).to.deep.equal(new Array(3 - index).fill(0));
      await clock.pass(55);
    }
    await clock.pass(200);
    await settled(() => servers[3]?.executions.total as number);
    expect(executed()).to.deep.equal([1, 1, 1, 0]);
    servers[1]?.open('a');
    expect(await call).to.equal('done a');
    for (const index of [0, 2]) {
      const { aborted } = servers[index] as Gated;
      await (servers[index] as Gated).until(() => aborted.length > 0);
    }
  });

  it('has no copy when there is one address', async () => {
    const client = await start(1);
    const call = client.call.idempotent('a');
    await servers[0]?.begun(1);
    await clock.pass(200);
    await settled(() => servers[0]?.executions.total as number);
    expect(executed()).to.deep.equal([1]);
    servers[0]?.open('a');
    expect(await call).to.equal('done a');
  });

  it('goes to the same address again when that is given twice, as a balancer is', async () => {
    const one = await Gated.start();
    servers.push(one);
    const client = connect([one.url, one.url], verbs, { clock, random: () => 0, hedge });
    clients.push(client);
    const call = client.call.idempotent('a');
    await one.begun(1);
    await clock.pass(60);
    await one.begun(2);
    one.open('a');
    expect(await call).to.equal('done a');
    await one.until(() => one.aborted.length > 0);
  });

  it('takes the class from the server where the client has no registry', async () => {
    servers = [await Gated.start(), await Gated.start()];
    const [one, other] = servers as [Gated, Gated];
    const urls = servers.map(({ url }) => url);
    const client = connect(urls, undefined, { clock, random: () => 0 });
    // Before any server has said it.
    const calls = ['idempotent', 'mutate'].map((name) => client.invoke(name, name, { hedge }));
    await one.begun(2);
    await clock.pass(60);
    await other.begun(1);
    await settled(() => other.executions.total);
    expect(other.executions.counts()).to.deep.equal({ idempotent: 1 });
    other.open('idempotent');
    one.open('mutate');
    expect(await Promise.all(calls)).to.deep.equal(['done idempotent', 'done mutate']);
    const error = await failureOf(client.invoke('mutate', 'x', { hedge }));
    expect(error.code).to.equal('ERR_HOLDFAST_OPTION');
    client.destroy();
    await client.closed;
  });

  it('has no copy when two must not run at a time, whatever the client says for all', async () => {
    const client = await start(2);
    const [one] = servers as [Gated, Gated];
    const calls = (['semi', 'once', 'mutate'] as const).map((name) => client.call[name](name));
    await one.begun(3);
    await clock.pass(200);
    await settled(() => servers[1]?.executions.total as number);
    expect(executed()).to.deep.equal([3, 0]);
    for (const name of ['semi', 'once', 'mutate'] as const) {
      one.open(name);
      const error = await failureOf(client.call[name]('x', { hedge }));
      expect([error.code, error.outcome]).to.deep.equal(['ERR_HOLDFAST_OPTION', 'not-executed']);
      expect(error.message).to.include(`and not for "${name}"`);
    }
    await Promise.all(calls);
    expect(() => semi({ hedge })).to.throw('and not for "semi"');
    expect(() => mutate({ hedge: { afterMs: -1 } })).to.throw('hedge.afterMs');
  });

  it('has no copy where `replay`, `maxAttempts` or the call itself does not allow one', async () => {
    const client = await start(2);
    const [one] = servers as [Gated, Gated];
    const frugal = await open({ hedge, maxAttempts: 1 });
    const calls = [
      client.call.idempotent('a', { replay: 'read' }),
      client.call.idempotent('b', { hedge: false }),
      frugal.call.idempotent('c'),
    ];
    await one.begun(3);
    await clock.pass(200);
    await settled(() => servers[1]?.executions.total as number);
    expect(executed()).to.deep.equal([3, 0]);
    for (const name of ['a', 'b', 'c']) one.open(name);
    await Promise.all(calls);
  });

  it('has no copy without the retry budget, which counts all that is sent', async () => {
    const client = await start(2, {
      hedge,
      retryBudget: { ratio: 0.5, minPerSecond: 0, reserve: 0 },
    });
    const [one, other] = servers as [Gated, Gated];
    const calls = ['a', 'b', 'c'].map((name) => client.withHistory.idempotent(name));
    await one.begun(3);
    await clock.pass(60);
    await other.begun(1);
    await settled(() => other.executions.total);
    expect(executed()).to.deep.equal([3, 1]);
    for (const name of ['a', 'b', 'c']) one.open(name);
    const histories = (await Promise.all(calls)).map(({ attempts }) => attempts);
    const { total } = client.routes()[0] as Route;
    expect(total).to.include({ calls: 3, failures: 0, budgetRefusals: 2, replays: 1 });
    for (const history of histories.slice(1)) {
      expect(
        history.map(({ number, link, phase, decision, why }) => [
          number,
          link,
          phase,
          decision,
          why,
        ]),
      )
        .to //
        .deep.equal([
          [
            1,
            `${one.url}#1`,
            'sent',
            'wait',
            'no answer within 52 ms: a copy would go to another address, but the retry budget is empty',
          ],
          [1, `${one.url}#1`, 'answered', 'deliver', 'the server replied'],
        ]);
    }
  });

  it('leaves the decision to its copies when it fails, and the last failure decides', async () => {
    const client = await start(2);
    const [one, other] = servers as [Gated, Gated];
    const good = client.call.idempotent('a', { accept: () => true });
    await hedged(one, other);
    one.breaker.last.reset();
    await one.server.close();
    other.open('a');
    expect(await good).to.equal('done a');
  });

  it('says of all copies together what is known', async () => {
    const client = await start(2, { hedge, maxAttempts: 2 });
    const [one, other] = servers as [Gated, Gated];
    const call = failureOf(client.call.idempotent('a', { accept: () => false }));
    await hedged(one, other);
    other.open('a');
    await settled(() => client.pending);
    expect(client.pending).to.equal(1);
    await one.server.close();
    const error = await call;
    expect([error.code, error.outcome]).to.deep.equal(['ERR_HOLDFAST_LOST', 'executed']);
    expect(error.message).to.include('another copy of the call was executed');
    expect(error.attempts.map(({ decision }) => decision)).to.deep.equal(['hedge', 'fail', 'fail']);
    expect(client.routes()[0]?.total).to.include({ calls: 1, failures: 1, attempts: 2 });
  });

  it('ends at its deadline, or when it is cancelled, with all its copies', async () => {
    const client = await start(2);
    const [one, other] = servers as [Gated, Gated];
    const cancel = new AbortController();
    const late = failureOf(client.call.idempotent('a', { timeoutMs: 100 }));
    const cancelled = failureOf(client.call.idempotent('b', { signal: cancel.signal }));
    await one.begun(2);
    await clock.pass(60);
    await other.begun(2);
    cancel.abort();
    await clock.pass(60);
    for (const [call, code] of [
      [late, 'ERR_HOLDFAST_DEADLINE'],
      [cancelled, 'ERR_HOLDFAST_ABORTED'],
    ] as const) {
      expect(await call).to.include({ code, outcome: 'unknown' });
    }
    for (const server of servers) {
      await server.until(() => server.aborted.length === 2);
      expect(server.aborted.sort()).to.deep.equal(['a', 'b']);
    }
  });

  it('is waited for by a client that closes, and ends with one that is destroyed', async () => {
    const client = await start(2);
    const [one, other] = servers as [Gated, Gated];
    const call = client.call.idempotent('a');
    await hedged(one, other);
    const closed = client.close();
    other.open('a');
    expect(await call).to.equal('done a');
    await closed;
    const second = await open({ hedge });
    const destroyed = failureOf(second.call.idempotent('b'));
    await one.begun(2);
    await clock.pass(60);
    await other.begun(2);
    second.destroy();
    expect(await destroyed).to.include({ code: 'ERR_HOLDFAST_CLOSED', outcome: 'unknown' });
    await second.closed;
    expect(clock.keepsAlive).to.equal(false);
  });

  it('ends with a client that is destroyed when its copy is told', async () => {
    const client = await start(2);
    const [one] = servers as [Gated, Gated];
    const onAttempt = (): void => client.destroy();
    const call = failureOf(client.call.idempotent('a', { onAttempt }));
    await one.begun(1);
    await clock.pass(60);
    expect(await call).to.include({ code: 'ERR_HOLDFAST_CLOSED', outcome: 'unknown' });
    await client.closed;
    expect(clock.keepsAlive).to.equal(false);
  });

  it('sends the copy with the input as it was', async () => {
    const table = defineVerbs({ idempotent: idempotent<string[], string>({ hedge }) });
    servers = [await Gated.start(), await Gated.start()];
    const [one, other] = servers as [Gated, Gated];
    const urls = servers.map(({ url }) => url);
    const client = connect(urls, table, { clock, random: () => 0 });
    const input = ['a'];
    const call = client.call.idempotent(input);
    await one.begun(1);
    input[0] = 'b';
    await clock.pass(60);
    await other.begun(1);
    expect(String([...Object.keys(other.executions.counts())])).to.equal('a');
    client.destroy();
    await failureOf(call);
    await client.closed;
  });

  it('has no copy at a server that holds the verb for stricter', async () => {
    const strict = defineVerbs({ ...verbs, idempotent: mutate<string, string>() });
    servers = [await Gated.start(), await Gated.start(undefined, strict)];
    const [one, other] = servers as [Gated, Gated];
    const client = await open({ hedge });
    const attempts: AttemptRecord[] = [];
    const onAttempt = (attempt: AttemptRecord): number => attempts.push(attempt);
    const call = client.call.idempotent('a', { onAttempt });
    await one.begun(1);
    await clock.pass(60);
    while (other.breaker.last === undefined) await new Promise(setImmediate);
    await settled(() => other.executions.total);
    expect(executed()).to.deep.equal([1, 0]);
    one.open('a');
    expect(await call).to.equal('done a');
  });

  it('is sent elsewhere although the first server cannot be reached', async () => {
    const client = await start(2, { hedge, heartbeatMs: 1_000_000 });
    const [one, other] = servers as [Gated, Gated];
    one.breaker.last.stall();
    const call = client.call.idempotent('a');
    await settled(() => one.executions.total);
    await clock.pass(60);
    await other.begun(1);
    other.open('a');
    expect(await call).to.equal('done a');
  });

  it('is not held up by a refusal of its copy', async () => {
    const client = await start(2);
    const [one, other] = servers as [Gated, Gated];
    other.refusal = refuse();
    const call = client.call.idempotent('a');
    await hedged(one, other);
    await settled(() => other.executions.total);
    one.open('a');
    expect(await call).to.equal('done a');
  });
});
