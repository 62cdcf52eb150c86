import { expect } from 'chai';
import { type Client, connect, defineVerbs, type ReplayEvent, semi } from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { ampleBudget } from '../support/budgets.ts';
import { failureOf } from '../support/failure.ts';
import { Gated, Switch } from '../support/gated.ts';
import { settled } from '../support/recorder.ts';
import { verbs } from '../support/verbs.ts';

/** `semi` takes something for a second, which is free again by itself then. */
const leased = defineVerbs({ ...verbs, semi: semi<string, string>({ leaseMs: 1_000 }) });

describe('A call that may have taken a lease', () => {
  let clock: VirtualClock;
  let one: Gated;
  let other: Gated;
  let path: Switch;
  let client: Client<typeof leased>;
  let replays: ReplayEvent[];

  beforeEach(async () => {
    clock = new VirtualClock({ turns: 'real' });
    [one, other] = await Promise.all([
      Gated.start(undefined, leased),
      Gated.start(undefined, leased),
    ]);
    path = new Switch();
    path.target = one.url;
    client = connect(path, leased, { clock, random: () => 0, retryBudget: ampleBudget });
    replays = [];
    client.on('replay', (event) => replays.push(event));
    await client.ready();
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await Promise.all([one.close(), other.close()]);
  });

  async function replayed(): Promise<void> {
    while (replays.length === 0) await new Promise(setImmediate);
  }

  /** A call that ran at a server which is gone; its replay is decided. */
  async function lose(): Promise<{ readonly call: Promise<string> }> {
    const call = client.call.semi('lock');
    await one.begun(1);
    path.target = other.url;
    one.breaker.last.reset();
    await replayed();
    return { call };
  }

  function executed(): number[] {
    return [one.executions.of('lock'), other.executions.of('lock')];
  }

  it('is sent again only once the lease has expired', async () => {
    const { call } = await lose();
    await clock.pass(990);
    await settled(() => other.executions.total);
    expect([client.pending, ...executed()]).to.deep.equal([1, 1, 0]);
    await clock.pass(20);
    await other.begun(1);
    other.open('lock');
    expect(await call).to.equal('done lock');
    expect(executed()).to.deep.equal([1, 1]);
    expect(replays.map(({ why }) => why)).to.deep.equal([
      'it may have run, and "semi" may be repeated, once its lease has expired',
    ]);
  });

  it('waits from the loss on, not from when a server is there again', async () => {
    let open = (): void => {};
    path.gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const call = client.call.semi('lock');
    await one.begun(1);
    path.target = other.url;
    one.breaker.last.reset();
    while (path.dials < 2) await new Promise(setImmediate);
    await clock.pass(600);
    open();
    await replayed();
    await clock.pass(390);
    await settled(() => other.executions.total);
    expect(executed()).to.deep.equal([1, 0]);
    await clock.pass(20);
    await other.begun(1);
    other.open('lock');
    expect(await call).to.equal('done lock');
  });

  it('waits after the time of one attempt, too', async () => {
    const call = client.call.semi('lock', { attemptTimeoutMs: 100 });
    await one.begun(1);
    await clock.pass(110);
    await replayed();
    await clock.pass(980);
    await settled(() => one.executions.total);
    expect(one.executions.of('lock')).to.equal(1);
    await clock.pass(30);
    await one.begun(2);
    one.open('lock');
    expect(await call).to.equal('done lock');
  });

  it('fails at once, unknown, when the wait does not fit into its deadline', async () => {
    const call = failureOf(client.call.semi('lock', { timeoutMs: 1_000 }));
    await one.begun(1);
    path.target = other.url;
    one.breaker.last.reset();
    const { code, outcome, message } = await call;
    expect([code, outcome]).to.deep.equal(['ERR_HOLDFAST_LOST', 'unknown']);
    expect(message).to.include('what it may have taken is not free before the deadline');
    expect(executed()).to.deep.equal([1, 0]);
  });

  it('needs no link while it waits', async () => {
    const { call } = await lose();
    while (client.state !== 'ready') await new Promise(setImmediate);
    const dials = path.dials;
    const lost = new Promise((resolve) => client.once('state', ({ next }) => resolve(next)));
    other.breaker.last.reset();
    expect(await lost).to.equal('idle');
    await clock.pass(990);
    expect([client.state, path.dials]).to.deep.equal(['idle', dials]);
    await clock.pass(20);
    await other.begun(1);
    other.open('lock');
    expect(await call).to.equal('done lock');
  });

  it('can be cancelled while it waits, and ends with its client', async () => {
    const cancel = new AbortController();
    const cancelled = failureOf(client.call.semi('lock', { signal: cancel.signal }));
    const destroyed = failureOf(client.call.semi('other lock'));
    await one.begun(2);
    path.target = other.url;
    one.breaker.last.reset();
    while (replays.length < 2) await new Promise(setImmediate);
    cancel.abort();
    expect(await cancelled).to.include({ code: 'ERR_HOLDFAST_ABORTED', outcome: 'unknown' });
    expect(client.pending).to.equal(1);
    client.destroy();
    expect(await destroyed).to.include({ code: 'ERR_HOLDFAST_CLOSED', outcome: 'unknown' });
    await client.closed;
    expect(clock.keepsAlive).to.equal(false);
    await clock.pass(2_000);
    expect(other.executions.total).to.equal(0);
  });

  it('is waited for by a client that closes', async () => {
    const { call } = await lose();
    const closed = client.close();
    await clock.pass(1_010);
    await other.begun(1);
    other.open('lock');
    expect(await call).to.equal('done lock');
    await closed;
  });

  it('does not wait when it provably never ran', async () => {
    one.breaker.last.stall();
    const call = client.call.semi('lock');
    // What the stalled line has taken never arrives.
    await settled(() => one.executions.total);
    one.breaker.last.reset();
    await one.begun(1);
    one.open('lock');
    expect(await call).to.equal('done lock');
    expect(replays.map(({ evidence }) => evidence)).to.deep.equal(['never']);
    expect(executed()).to.deep.equal([1, 0]);
  });

  it('waits for the longer lease of the server that it goes to next', async () => {
    const longer = await Gated.start(
      undefined,
      defineVerbs({ ...verbs, semi: semi<string, string>({ leaseMs: 3_000 }) }),
    );
    const call = client.call.semi('lock');
    await one.begun(1);
    path.target = longer.url;
    one.breaker.last.reset();
    await replayed();
    await clock.pass(2_900);
    await settled(() => longer.executions.total);
    expect(longer.executions.total).to.equal(0);
    await clock.pass(110);
    await longer.begun(1);
    longer.open('lock');
    expect(await call).to.equal('done lock');
    await longer.close();
  });
});
