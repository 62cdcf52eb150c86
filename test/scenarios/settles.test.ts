import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { expect } from 'chai';
import {
  type CallContext,
  connect,
  type HoldfastError,
  type Medium,
  memory,
  type Server,
  serve,
} from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failure.ts';
import { Executions, verbs } from '../support/verbs.ts';

/** A medium whose dial never comes to anything. */
const blackHole: Medium = { address: 'hole:', dial: () => new Promise(() => {}) };

describe('Promise 1: every call settles exactly once, in bounded time', () => {
  let clock: VirtualClock;

  beforeEach(() => {
    clock = new VirtualClock({ turns: 'real' });
  });

  /** A server whose handlers wait until the test lets them go. */
  async function waitingServer(listen: Parameters<typeof serve>[2]['listen']): Promise<{
    server: Server;
    entered: Promise<CallContext>;
    release: (value: string) => void;
  }> {
    let enter: (call: CallContext) => void = () => {};
    let release: (value: string) => void = () => {};
    const entered = new Promise<CallContext>((resolve) => {
      enter = resolve;
    });
    const released = new Promise<string>((resolve) => {
      release = resolve;
    });
    const handler = (_name: string, call: CallContext): Promise<string> => {
      enter(call);
      return released;
    };
    const handlers = {
      read: handler,
      idempotent: handler,
      semi: handler,
      once: handler,
      mutate: handler,
    };
    return { server: await serve(verbs, handlers, { listen }), entered, release };
  }

  for (const safety of ['read', 'idempotent', 'semi', 'once', 'mutate'] as const) {
    it(`ends a ${safety} call whose handler never answers at its deadline, and cancels the handler`, async () => {
      const here = memory();
      const { server, entered } = await waitingServer(here);
      const client = connect(here, verbs, { clock });
      const call = failureOf(client.call[safety]('x', { timeoutMs: 1_000 }));
      const { signal } = await entered;
      clock.advance(999);
      expect(client.pending).to.equal(1);
      clock.advance(10);
      const error = await call;
      expect(error).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'unknown', verb: safety });
      if (!signal.aborted) await once(signal, 'abort');
      await client.close();
      await server.close();
    });
  }

  it('ends a call that nobody serves at its deadline and says why there was no connection', async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const client = connect(`tcp://127.0.0.1:${port}`, verbs, {
      timeoutMs: 300,
      reconnectBaseMs: 20,
    });
    const error = await failureOf(client.call.mutate('x'));
    expect(error).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'not-executed' });
    expect(error.message).to.include('ECONNREFUSED');
    await client.close();
  });

  it('ends a call whose dial never comes to anything', async () => {
    const client = connect(blackHole, verbs, { clock, timeoutMs: 30_000, dialTimeoutMs: 10_000 });
    const call = failureOf(client.call.mutate('x'));
    await clock.pass(30_010);
    expect(await call).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'not-executed' });
    client.destroy();
    await client.closed;
  });

  it('ends a call whose server accepts and says no hello', async () => {
    const server = net.createServer((socket) => socket.on('error', () => {}).resume());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const client = connect(`tcp://127.0.0.1:${port}`, verbs, {
      timeoutMs: 400,
      dialTimeoutMs: 100,
      reconnectBaseMs: 10,
    });
    const reasons: string[] = [];
    client.on('reconnecting', ({ cause }) => reasons.push((cause as HoldfastError).code));
    const error = await failureOf(client.call.mutate('x'));
    expect(error).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'not-executed' });
    expect(reasons[0]).to.equal('ERR_HOLDFAST_HANDSHAKE_TIMEOUT');
    await client.close();
    await new Promise((resolve) => server.close(resolve));
  });

  describe('when it is cancelled by its signal', () => {
    it('ends at once before it was sent, not executed', async () => {
      const client = connect(blackHole, verbs);
      const controller = new AbortController();
      const call = failureOf(client.call.mutate('x', { signal: controller.signal }));
      controller.abort(new Error('changed my mind'));
      const error = await call;
      expect(error).to.include({ code: 'ERR_HOLDFAST_ABORTED', outcome: 'not-executed' });
      expect((error.cause as Error).message).to.equal('changed my mind');
      client.destroy();
      await client.closed;
    });

    it('is not made when the signal had aborted already', async () => {
      const client = connect(blackHole, verbs);
      const error = await failureOf(client.call.mutate('x', { signal: AbortSignal.abort() }));
      expect(error).to.include({ code: 'ERR_HOLDFAST_ABORTED', outcome: 'not-executed' });
      expect(client.state).to.equal('idle');
      await client.close();
    });

    it('ends at once while it runs, unknown, and the handler hears of it', async () => {
      const here = memory();
      const { server, entered } = await waitingServer(here);
      const client = connect(here, verbs);
      const controller = new AbortController();
      const call = failureOf(client.call.mutate('x', { signal: controller.signal }));
      const { signal } = await entered;
      controller.abort();
      expect(await call).to.include({ code: 'ERR_HOLDFAST_ABORTED', outcome: 'unknown' });
      if (!signal.aborted) await once(signal, 'abort');
      await client.close();
      await server.close();
    });
  });

  describe('when the client ends', () => {
    it('fails what waits, not executed, and what runs, unknown', async () => {
      const here = memory();
      const { server, entered } = await waitingServer(here);
      const client = connect(here, verbs);
      const running = failureOf(client.call.mutate('x'));
      await entered;
      const waiting = failureOf(client.call.mutate('y'));
      client.destroy(new Error('enough'));
      expect(await running).to.include({ code: 'ERR_HOLDFAST_CLOSED', outcome: 'unknown' });
      expect(await waiting).to.include({ code: 'ERR_HOLDFAST_CLOSED', outcome: 'not-executed' });
      expect((await client.closed)?.message).to.equal('enough');
      await server.close();
    });

    it('close waits for what is pending, and refuses what comes later', async () => {
      const here = memory();
      const { server, entered, release } = await waitingServer(here);
      const client = connect(here, verbs);
      const running = client.call.mutate('x');
      await entered;
      const closed = client.close();
      const late = await failureOf(client.call.read('y'));
      expect(late).to.include({ code: 'ERR_HOLDFAST_CLOSED', outcome: 'not-executed' });
      release('finished');
      expect(await running).to.equal('finished');
      await closed;
      await server.close();
    });

    it('close ends a client that never dialled, and one that dials', async () => {
      await connect(blackHole, verbs).close();
      const client = connect(blackHole, verbs);
      const ready = failureOf(client.ready());
      const closed = client.close();
      expect(await ready).to.include({ code: 'ERR_HOLDFAST_CLOSED' });
      await closed;
    });
  });

  it('ends at the time of one attempt when the verb must not be repeated', async () => {
    const here = memory();
    const { server, entered } = await waitingServer(here);
    const client = connect(here, verbs, { clock, attemptTimeoutMs: 100 });
    const call = failureOf(client.call.mutate('x'));
    await entered;
    clock.advance(110);
    expect(await call).to.include({ code: 'ERR_HOLDFAST_ATTEMPT_TIMEOUT', outcome: 'unknown' });
    await client.close();
    await server.close();
  });

  it('tries again after the time of one attempt when the verb may be repeated', async () => {
    const here = memory();
    let attempts = 0;
    const executions = new Executions();
    const slowFirst = (name: string): string | Promise<string> =>
      ++attempts === 1 ? new Promise(() => {}) : executions.note(name);
    const server = await serve(
      verbs,
      { ...executions.handlers(), read: slowFirst },
      { listen: here },
    );
    const client = connect(here, verbs, { clock, attemptTimeoutMs: 100 });
    await client.ready();
    const call = client.call.read('x');
    while (attempts < 1) await new Promise(setImmediate);
    clock.advance(110);
    expect(await call).to.equal('done x');
    expect(attempts).to.equal(2);
    await client.close();
    await server.close();
  });

  it('fails at once beyond the limits of calls and of bytes', async () => {
    const few = connect(blackHole, verbs, { maxCalls: 2 });
    const calls = [1, 2, 3].map((index) => failureOf(few.call.mutate(`${index}`)));
    expect(await calls[2]).to.include({
      code: 'ERR_HOLDFAST_TOO_MANY_CALLS',
      outcome: 'not-executed',
    });
    few.destroy();
    await Promise.all(calls);
    const small = connect(blackHole, verbs, { maxOutgoingBytes: 10_000 });
    const large = [1, 2].map(() => failureOf(small.call.mutate('x'.repeat(6_000))));
    expect(await large[1]).to.include({
      code: 'ERR_HOLDFAST_OUTGOING_FULL',
      outcome: 'not-executed',
    });
    small.destroy();
    await Promise.all(large);
  });
});
