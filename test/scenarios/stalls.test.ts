import { expect } from 'chai';
import type { ClientOptions } from '../../lib/client/options.ts';
import { type Client, connect, defineVerbs, mutate, type Server, serve } from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { all, Gate } from '../support/gate.ts';
import { Middleman } from '../support/middleman.ts';
import { settled } from '../support/recorder.ts';
import { Executions, verbs } from '../support/verbs.ts';

const runs = 30;

/** Without a sign that packets are lost, it takes two seconds, and more on a busy machine. */
const boundMs = 20_000;

/** By the heartbeat it would take longer than a call may. */
const heartbeatMs = 30_000;

describe('A link that stalls while the path is good for others', () => {
  let executions: Executions;
  let server: Server;
  const ends: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    executions = new Executions();
    server = await serve(verbs, executions.handlers(), { listen: 'tcp://127.0.0.1:0' });
  });

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    await server.close();
  });

  /** A client with a path of its own, and a link that has proved useful. */
  async function join(
    to: Server = server,
    options: ClientOptions = {},
  ): Promise<{ client: Client<typeof verbs>; path: Middleman }> {
    const path = await Middleman.before(to.urls[0] as string);
    const client = connect(`tcp://127.0.0.1:${path.port}`, verbs, options);
    ends.push(async () => {
      client.destroy();
      await client.closed;
      await path.close();
    });
    await client.ready();
    return { client, path };
  }

  async function timed<Value>(promise: Promise<Value>): Promise<{ value: Value; ms: number }> {
    const start = performance.now();
    const value = await promise;
    return { value, ms: performance.now() - start };
  }

  for (const [what, directions] of [
    ['the requests', ['up']],
    ['the answers', ['down']],
    ['everything', ['up', 'down']],
  ] as const) {
    it(`is left for a fresh one when ${what} get lost, and every call is executed once`, async function () {
      this.timeout(60_000);
      const times = await Promise.all(
        Array.from({ length: runs }, async (_, run) => {
          const { client, path } = await join(server, { heartbeatMs });
          for (const direction of directions) path.last.halt(direction);
          const names = [`${run}a`, `${run}b`, `${run}c`];
          const [first, second, third] = await Promise.all([
            timed(client.call.mutate(`${run}a`)),
            timed(client.call.once(`${run}b`)),
            timed(client.call.mutate(`${run}c`)),
          ]);
          expect([first, second, third].map(({ value }) => value)).to.deep.equal(
            names.map((name) => `done ${name}`),
          );
          for (const name of names) expect(executions.of(name)).to.equal(1);
          expect(path.lines.length).to.be.within(2, 5);
          return Math.max(first.ms, second.ms, third.ms);
        }),
      );
      expect(Math.max(...times)).to.be.lessThan(boundMs);
    });
  }

  it('takes its running calls along, reads too, and does not run them again', async () => {
    const gate = new Gate();
    const slow = await serve(verbs, all(gate.handler), { listen: 'tcp://127.0.0.1:0' });
    ends.push(() => slow.close());
    const { client, path } = await join(slow);
    const calls = [client.call.mutate('x'), client.call.read('y')];
    await gate.executed(2);
    const moved = new Promise<void>((resolve) => {
      path.onLine = (fresh) => void fresh.passedDown(1).then(resolve);
    });
    path.last.halt('down');
    await moved;
    gate.release();
    expect(await Promise.all(calls)).to.deep.equal(['done x', 'done y']);
    expect(gate.executions.counts()).to.deep.equal({ x: 1, y: 1 });
  });

  it('costs no budget when a hello is answered at once meanwhile: the server is not slow', async function () {
    this.timeout(20_000);
    const clock = new VirtualClock({ turns: 'real' });
    const { client, path } = await join(server, { clock, random: () => 0, timeoutMs: 60_000 });
    // The one on which hello was said last; there may be one in reserve.
    let used = path.last;
    path.onLine = (line) => {
      line.onUp = () => {
        used = line;
        line.onUp = () => {};
      };
    };
    for (const round of [1, 2, 3]) {
      await client.call.read(`before ${round}`);
      const silent = used;
      silent.halt('down');
      const calls = Array.from({ length: 10 }, (_, number) =>
        client.call.read(`${round} ${number}`),
      );
      const results = Promise.allSettled(calls);
      while (used === silent) {
        await settled(() => path.lines.length);
        if (used === silent) await clock.pass(10);
      }
      // From here on no time passes.
      const failed = (await results).filter(({ status }) => status === 'rejected');
      expect(failed).to.deep.equal([]);
    }
    expect(Math.max(...Object.values(executions.counts()))).to.equal(2);
  });

  it('is kept when it comes round before hello was said on another', async () => {
    const { client, path } = await join();
    const [line] = path.lines;
    const reconnects: unknown[] = [];
    client.on('reconnecting', (event) => reconnects.push(event));
    path.onLine = () => line?.resume('down');
    line?.halt('down');
    const { value, attempts } = await client.withHistory.mutate('x');
    expect(value).to.equal('done x');
    expect(attempts.map(({ link }) => link.at(-1))).to.deep.equal(['1']);
    const next = await client.withHistory.mutate('y');
    expect(next.attempts.map(({ link }) => link.at(-1))).to.deep.equal(['1']);
    // Nothing was lost.
    expect(reconnects).to.deep.equal([]);
    expect(executions.counts()).to.deep.equal({ x: 1, y: 1 });
  });

  it('may still bring the answers that were on their way when it was left', async () => {
    const { client, path } = await join();
    const [line] = path.lines;
    const events: string[] = [];
    client.on('replay', ({ evidence }) => events.push(evidence));
    path.onLine = (fresh) => {
      // Nothing comes on the fresh one; the answer is on the way on the one before.
      fresh.halt('down');
      fresh.onUp = () => line?.resume('down');
    };
    line?.halt('down');
    expect(await client.call.mutate('x')).to.equal('done x');
    expect(events).to.deep.equal([]);
    expect(executions.of('x')).to.equal(1);
  });

  it('brings no end of a stream whose items come on the fresh one', async () => {
    const counting = defineVerbs({ count: mutate.serverStream<number, number>() });
    let executions = 0;
    const handlers = {
      async *count(most: number) {
        executions++;
        for (let item = 1; item <= most; item++) yield item;
      },
    };
    const streaming = await serve(counting, handlers, { listen: 'tcp://127.0.0.1:0' });
    const path = await Middleman.before(streaming.urls[0] as string);
    const client = connect(`tcp://127.0.0.1:${path.port}`, counting);
    ends.push(async () => {
      client.destroy();
      await client.closed;
      await path.close();
      await streaming.close();
    });
    await client.ready();
    const [line] = path.lines;
    path.onLine = (fresh) => {
      // The hello passes; then the link that was left brings what was on its way, and its end.
      void fresh.passedDown(1).then(() => {
        fresh.halt('down');
        line?.resume('down');
        void line?.passedDown(1).then(() => setImmediate(() => fresh.resume('down')));
      });
    };
    line?.halt('down');
    const items: number[] = [];
    for await (const item of client.call.count(20)) items.push(item);
    expect(items).to.deep.equal(Array.from({ length: 20 }, (_, at) => at + 1));
    expect(executions).to.equal(1);
  });

  it('is kept while only its handlers are slow', async () => {
    const gate = new Gate();
    const slow = await serve(verbs, all(gate.handler), { listen: 'tcp://127.0.0.1:0' });
    ends.push(() => slow.close());
    const { client, path } = await join(slow, { stall: { afterMs: 10 } });
    const call = client.call.mutate('x');
    await gate.executed(1);
    await path.last.passedDown(3);
    gate.release();
    expect(await call).to.equal('done x');
    expect(path.lines).to.have.length(1);
  });

  it('is the only one of a client that is told to stay', async () => {
    const { client, path } = await join(server, { stall: false, timeoutMs: 1_500 });
    path.last.halt('down');
    const error = await client.call.mutate('x').catch((reason: unknown) => reason);
    expect(error).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'unknown' });
    expect(path.lines).to.have.length(1);
  });
});
