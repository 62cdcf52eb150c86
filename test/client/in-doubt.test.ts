import { expect } from 'chai';
import { type Client, connect, serve } from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { Breaker } from '../support/breaker.ts';
import { failureOf } from '../support/failure.ts';
import { Gated, Switch } from '../support/gated.ts';
import { settled } from '../support/recorder.ts';
import { Executions, verbs } from '../support/verbs.ts';

describe('A call in doubt, when another server process answers', () => {
  let one: Gated;
  let other: Gated;
  let path: Switch;
  let client: Client<typeof verbs>;

  beforeEach(async () => {
    [one, other] = await Promise.all([Gated.start(), Gated.start()]);
    path = new Switch();
    path.target = one.url;
    client = connect(path, verbs, { random: () => 0, timeoutMs: 3_000 });
    await client.call.read('known to one');
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await Promise.all([one.close(), other.close()]);
  });

  it('is not run again because a server that knows the session never had it', async () => {
    path.target = other.url;
    one.breaker.last.reset();
    const call = failureOf(client.call.mutate('pay'));
    await other.begun(1);
    path.target = one.url;
    other.breaker.last.reset();
    const { outcome, code } = await Promise.race([
      call,
      one.begun(2).then(() => ({ outcome: 'executed twice', code: '' })),
    ]);
    expect([outcome, code]).to.deep.equal(['unknown', 'ERR_HOLDFAST_LOST']);
    expect(one.executions.of('pay') + other.executions.of('pay')).to.equal(1);
  });

  it('is judged at once when a draining link is lost and the next one is up', async () => {
    const calls = [failureOf(client.call.mutate('pay')), client.call.semi('lock')] as const;
    await one.begun(3);
    path.target = other.url;
    const drained = one.server.drain({ noticeMs: 0 });
    await client.call.read('the next link is up');
    one.breaker.last.reset();
    await other.begun(2);
    other.open('lock');
    expect(await calls[1]).to.equal('done lock');
    const { outcome, code } = await calls[0];
    expect([outcome, code]).to.deep.equal(['unknown', 'ERR_HOLDFAST_LOST']);
    // Nobody waits for what runs there, but it was accepted.
    for (const name of ['pay', 'lock']) one.open(name);
    expect((await drained).cut).to.deep.equal([]);
  });
});

describe('A call in doubt, when the same server process answers', () => {
  let one: Gated;
  let client: Client<typeof verbs>;
  let ready: number;

  beforeEach(async () => {
    one = await Gated.start();
    client = connect(one.url, verbs, { random: () => 0, timeoutMs: 3_000 });
    ready = 0;
    client.on('state', ({ next }) => {
      if (next === 'ready') ready++;
    });
    await client.ready();
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await one.close();
  });

  /** Resolves when the client has lost its link. */
  function lost(): Promise<void> {
    return new Promise((resolve) => {
      client.on('state', ({ next }) => {
        if (next === 'idle') resolve();
      });
      one.breaker.last.reset();
    });
  }

  async function resumed(): Promise<void> {
    await lost();
    await client.ready();
  }

  it('gets its answer after its link was lost twice while its handler ran', async () => {
    const call = client.call.mutate('pay');
    await one.begun(1);
    await resumed();
    await resumed();
    expect(ready).to.equal(3);
    one.open('pay');
    expect(await call).to.equal('done pay');
    expect(one.executions.of('pay')).to.equal(1);
  });

  it('gets its answer from the link that has the session, though replay is "never"', async () => {
    const call = client.call.mutate('pay', { replay: 'never' });
    await one.begun(1);
    await lost();
    one.open('pay');
    expect(await call).to.equal('done pay');
  });

  it('is unknown when it is cancelled, and when the client is destroyed', async () => {
    const cancel = new AbortController();
    const cancelled = failureOf(client.call.mutate('one', { signal: cancel.signal }));
    const destroyed = failureOf(client.call.mutate('two'));
    await one.begun(2);
    await lost();
    cancel.abort();
    expect((await cancelled).outcome).to.equal('unknown');
    client.destroy();
    const { code, outcome } = await destroyed;
    expect([code, outcome]).to.deep.equal(['ERR_HOLDFAST_CLOSED', 'unknown']);
  });

  it('is waited for by close()', async () => {
    const call = client.call.mutate('pay');
    await one.begun(1);
    await lost();
    const closed = client.close();
    one.open('pay');
    expect(await call).to.equal('done pay');
    await closed;
  });

  it('has the time of one attempt again on the link on which its answer will come', async () => {
    const call = failureOf(client.call.mutate('pay', { attemptTimeoutMs: 300, timeoutMs: 8_000 }));
    await one.begun(1);
    await resumed();
    const { code, outcome } = await call;
    expect([code, outcome]).to.deep.equal(['ERR_HOLDFAST_ATTEMPT_TIMEOUT', 'unknown']);
    await one.until(() => one.aborted.includes('pay'));
  });

  it('is not sent when it is ended by a listener that hears of its replay', async () => {
    const cancel = new AbortController();
    client.on('replay', () => cancel.abort());
    one.breaker.last.stall();
    const call = failureOf(client.call.mutate('pay', { signal: cancel.signal }));
    await settled(() => one.executions.total);
    await resumed();
    const { code, outcome } = await call;
    expect([code, outcome]).to.deep.equal(['ERR_HOLDFAST_ABORTED', 'not-executed']);
    await client.call.read('what comes after it');
    expect(one.executions.of('pay')).to.equal(0);
  });

  it('ends with all others when a listener that hears of a replay destroys the client', async () => {
    client.on('replay', () => client.destroy());
    const calls = ['a', 'b', 'c'].map((name) => failureOf(client.call.read(name)));
    one.breaker.last.stall();
    await settled(() => one.executions.total);
    one.breaker.last.reset();
    for (const { code } of await Promise.all(calls)) expect(code).to.equal('ERR_HOLDFAST_CLOSED');
    expect(client.pending).to.equal(0);
  });

  it('is cancelled at the server when it was given up before the client came back', async () => {
    const cancel = new AbortController();
    const call = failureOf(client.call.mutate('pay', { signal: cancel.signal }));
    await one.begun(1);
    await lost();
    cancel.abort();
    expect((await call).outcome).to.equal('unknown');
    expect(one.aborted).to.deep.equal([]);
    await client.call.read('back');
    await one.until(() => one.aborted.includes('pay'));
  });

  it('is cancelled at the server when it is given up on the link that it was resumed on', async () => {
    const cancel = new AbortController();
    const call = failureOf(client.call.mutate('pay', { signal: cancel.signal }));
    await one.begun(1);
    await resumed();
    cancel.abort();
    expect((await call).outcome).to.equal('unknown');
    await one.until(() => one.aborted.includes('pay'));
  });
});

describe('A `once` call in doubt, when the same server process has forgotten its session', () => {
  it('gets its answer from the record of its key', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    const one = await Gated.start(undefined, verbs, { clock, keepSessionsMs: 100 });
    const path = new Switch();
    path.target = one.url;
    const client = connect(path, verbs, { random: () => 0, timeoutMs: 3_000 });
    const call = client.call.once('pay');
    await one.begun(1);
    let open = (): void => {};
    path.gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    one.breaker.last.reset();
    while (path.dials < 2) await new Promise(setImmediate);
    await settled(() => one.server.connections);
    one.open('pay');
    await clock.pass(200);
    open();
    expect(await call).to.equal('done pay');
    expect(one.executions.of('pay')).to.equal(1);
    await client.close();
    await one.close();
  });
});

describe('A call in doubt, when there is more to ask for than one hello carries', () => {
  it('settles, with every other', async function () {
    this.timeout(20_000);
    /** What one hello can ask for, though the server takes more. */
    const asked = 16_384;
    const executions = new Executions();
    let lose = (): void => {};
    const lost = new Promise<void>((resolve) => {
      lose = resolve;
    });
    let count = 0;
    const note = (name: string): string => {
      if (++count === asked) lose();
      return executions.note(name);
    };
    const handlers = { read: note, idempotent: note, semi: note, once: note, mutate: note };
    const server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0', maxCalls: 100_000 });
    const breaker = await Breaker.before(server.urls[0] as string);
    const client = connect(breaker.url, verbs, { random: () => 0, timeoutMs: 6_000 });
    await client.ready();
    // No answer gets through.
    breaker.last.server.removeAllListeners('data').resume();
    const calls = Array.from({ length: asked + 200 }, (_, index) => client.call.mutate(`${index}`));
    const results = Promise.allSettled(calls);
    await lost;
    await settled(() => count);
    breaker.last.reset();
    const failed = (await results).filter(({ status }) => status === 'rejected');
    expect(failed.slice(0, 1)).to.deep.equal([]);
    expect(executions.total).to.equal(calls.length);
    await client.close();
    await server.close();
    await breaker.close();
  });
});
