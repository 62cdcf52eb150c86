import { expect } from 'chai';
import { type Client, connect, mutate, type Server, serve, tcp } from '../../lib/index.ts';
import { FaultMedium, VirtualClock } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failure.ts';
import { until } from '../support/road.ts';
import { all } from '../support/streaming.ts';

const verbs = {
  /** Gives one item, and then as many as the test says. */
  watch: mutate.serverStream<string, number>(),
  /** Gives its first item when the test says so. */
  quiet: mutate.serverStream<string, number>(),
  upload: mutate.clientStream<string, number, number>(),
  bounded: mutate.serverStream<string, number>({ timeoutMs: 50, inactivityTimeoutMs: 1_000 }),
  restless: mutate.serverStream<string, number>({ inactivityTimeoutMs: 40 }),
};

describe('The time of a stream', () => {
  let server: Server;
  let client: Client<typeof verbs>;
  let medium: FaultMedium;
  let clock: VirtualClock;
  let next: (() => void)[];
  let taken: number;
  let remaining: number;
  let aborted: string[];
  let holdsUploads: boolean;

  beforeEach(async () => {
    next = [];
    taken = 0;
    aborted = [];
    holdsUploads = false;
    const give = async function* (
      name: string,
      { signal }: { readonly signal: AbortSignal },
    ): AsyncGenerator<number> {
      signal.addEventListener('abort', () => aborted.push(name));
      for (let item = 1; ; item++) {
        yield item;
        await new Promise<void>((resolve) => next.push(resolve));
      }
    };
    server = await serve(
      verbs,
      {
        watch: give,
        quiet: async function* (_, { remainingMs }) {
          remaining = remainingMs;
          await new Promise<void>((resolve) => next.push(resolve));
          yield 1;
        },
        bounded: give,
        restless: give,
        upload: async (name, { items, signal }) => {
          signal.addEventListener('abort', () => aborted.push(name));
          for await (const _ of items) taken++;
          if (holdsUploads) await new Promise(() => {});
          return taken;
        },
      },
      { listen: 'tcp://127.0.0.1:0' },
    );
    const { hostname, port } = new URL(server.urls[0] as string);
    medium = new FaultMedium(tcp({ host: hostname, port: Number(port) }));
    clock = new VirtualClock({ turns: 'real' });
    client = connect(medium, verbs, {
      clock,
      timeoutMs: 100,
      // The link is not what is looked at here.
      heartbeatMs: 1e6,
      heartbeatTimeoutMs: 1e6,
      dialTimeoutMs: 1e6,
    });
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    for (const go of next) go();
    await server.close();
    medium.destroy();
  });

  it('is not bounded while it has begun and has a link', async () => {
    const items = client.call.watch('x')[Symbol.asyncIterator]();
    expect(await items.next()).to.deep.equal({ done: false, value: 1 });
    await clock.pass(10_000);
    await until(() => next.length === 1);
    next.pop()?.();
    expect(await items.next()).to.deep.equal({ done: false, value: 2 });
  });

  it('is not bounded while its first item is waited for, also after its link was lost', async () => {
    const got = all(client.call.quiet('x'));
    await until(() => next.length === 1);
    await clock.pass(10_000);
    medium.last.reset();
    await until(() => medium.dials === 2 && client.state === 'ready');
    await clock.pass(10_000);
    next.pop()?.();
    expect(await got).to.deep.equal([1]);
  });

  it('is that of any call within a stream that has no deadline', async () => {
    const controller = new AbortController();
    const layer = { signal: controller.signal, isReplay: false, onRetried: () => {} };
    const above = client.call.quiet('x');
    await until(() => next.length === 1);
    above.cancel();
    medium.last.reset();
    const within = client.within({ ...layer, remainingMs: remaining });
    expect(remaining).to.equal(Number.POSITIVE_INFINITY);
    medium.plan = { hang: true };
    const failing = failureOf(all(within.call.watch('x')));
    await clock.pass(120);
    const error = await failing;
    expect(error).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'not-executed' });
  });

  it('is that of any call until it has begun', async () => {
    medium.plan = { hang: true };
    const failing = failureOf(all(client.call.watch('x')));
    await clock.pass(120);
    const error = await failing;
    expect(error).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'not-executed' });
    expect(error.message).to.contain('it had not begun within 100 ms');
  });

  it('is that of any call while it has no link to its server', async () => {
    const items = client.call.watch('x')[Symbol.asyncIterator]();
    await items.next();
    await clock.pass(500);
    medium.plan = { hang: true };
    medium.last.reset();
    const failing = failureOf(items.next());
    await until(() => client.state !== 'ready');
    await clock.pass(120);
    const error = await failing;
    expect(error).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'unknown', delivered: 1 });
    expect(error.message).to.contain('it had no connection to its server for 100 ms');
  });

  it('is bounded as a whole if that is said of the call, or of the verb', async () => {
    for (const start of [
      () => client.call.watch('x', { timeoutMs: 50 }),
      () => client.call.bounded('x'),
    ]) {
      const items = start()[Symbol.asyncIterator]();
      await items.next();
      const failing = failureOf(items.next());
      await clock.pass(70);
      const error = await failing;
      expect(error).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'unknown' });
      expect(error.message).to.contain('its deadline of 50 ms passed');
    }
    await until(() => aborted.length === 2);
  });

  it('is that of any call behind the last item of an upload', async () => {
    holdsUploads = true;
    const failing = failureOf(client.call.upload('x', [1, 2, 3]));
    await until(() => taken === 3);
    await clock.pass(120);
    const error = await failing;
    expect(error).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'unknown', sent: 3 });
    expect(error.message).to.contain('no answer came within 100 ms behind its last item');
    await until(() => aborted.length === 1);
  });

  it('may be bounded from item to item, while one is waited for', async () => {
    for (const start of [
      () => client.call.watch('x', { inactivityTimeoutMs: 40 }),
      () => client.call.restless('x'),
    ]) {
      const items = start()[Symbol.asyncIterator]();
      await items.next();
      // Nobody waits: that is the application's own time.
      await clock.pass(1_000);
      const second = items.next();
      await clock.pass(30);
      next.pop()?.();
      expect((await second).value).to.equal(2);
      const waiting = failureOf(items.next());
      await clock.pass(60);
      const inactive = await waiting;
      expect(inactive).to.include({
        code: 'ERR_HOLDFAST_INACTIVE',
        outcome: 'unknown',
        delivered: 2,
      });
    }
    await until(() => aborted.length === 2);
  });
});
