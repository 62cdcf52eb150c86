import { expect } from 'chai';
import { type Client, connect, serve } from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { ampleBudget } from '../support/budgets.ts';
import { failureOf } from '../support/failure.ts';
import { Gated, Switch } from '../support/gated.ts';
import {
  call,
  cancel,
  clientHello,
  endRawPeers,
  listOf,
  numberOf,
  ping,
  RawPeer,
  u48,
  unpack,
} from '../support/raw-peer.ts';
import { settled } from '../support/recorder.ts';
import { Executions, verbs } from '../support/verbs.ts';

const mutate = 4;

/** What is kept of a REFUSED frame. */
interface Refused {
  readonly number: number;
  readonly code: unknown;
  readonly message: unknown;
  readonly retryAfterMs: unknown;
  readonly final: unknown;
}

async function refused(peer: RawPeer): Promise<Refused> {
  const frame = await peer.nextOf(FrameType.refused);
  const [code, message, retryAfterMs, final] = listOf(frame);
  return { number: numberOf(frame), code, message, retryAfterMs, final };
}

describe('A server that bounds how many handlers run at a time', () => {
  let gated: Gated;
  let clock: VirtualClock;

  async function start(maxConcurrency: number, maxQueue: number): Promise<void> {
    clock = new VirtualClock({ turns: 'real' });
    gated = await Gated.start(undefined, verbs, { maxConcurrency, maxQueue, clock });
  }

  /** A client that is known by the name of its calls. */
  async function raw(): Promise<RawPeer> {
    return RawPeer.greeted(gated.server.urls[0] as string);
  }

  /** Sends a call whose handler waits for its gate, which has the call's name. */
  function send(peer: RawPeer, number: number, value: string, remainingMs = 30_000): void {
    peer.send(call({ number, verb: mutate, value, remainingMs }));
  }

  /** The server has read all that was sent so far. */
  async function read(peer: RawPeer): Promise<void> {
    const before = peer.receivedBytes;
    peer.send(ping(1));
    await peer.receive(before + 9);
    peer.socket.resume();
    await settled(() => peer.receivedBytes);
  }

  afterEach(async () => {
    await endRawPeers();
    await gated.close();
  });

  it('runs so many over all clients, and those that wait in the order in which they came', async () => {
    await start(2, 10);
    const [one, two] = [await raw(), await raw()];
    for (const [index, peer] of [one, two, one, two, one].entries()) {
      send(peer, index + 1, `n${index + 1}`);
      await read(peer);
    }
    expect(Object.keys(gated.executions.counts())).to.deep.equal(['n1', 'n2']);
    for (const [done, next] of [
      ['n2', 'n3'],
      ['n1', 'n4'],
      ['n4', 'n5'],
    ] as const) {
      gated.open(done);
      await gated.until(() => gated.executions.of(next) === 1);
      expect(gated.executions.total).to.equal(Number(next.slice(1)));
    }
  });

  it('gives clients their turns one after another, however many calls one of them has waiting', async () => {
    await start(1, 10);
    const [many, few] = [await raw(), await raw()];
    for (const number of [1, 2, 3, 4, 5]) send(many, number, `m${number}`);
    await read(many);
    for (const number of [1, 2]) send(few, number, `f${number}`);
    await read(few);
    const order = ['m1', 'm2', 'f1', 'm3', 'f2', 'm4', 'm5'];
    for (const [index, name] of order.entries()) {
      await gated.until(() => gated.executions.of(name) === 1);
      expect(gated.executions.total, name).to.equal(index + 1);
      gated.open(name);
    }
  });

  it('leaves a client its share of a queue that another one fills: of that the newest are refused', async () => {
    await start(1, 4);
    const [many, few] = [await raw(), await raw()];
    for (const number of [1, 2, 3, 4, 5]) send(many, number, `m${number}`);
    await read(many);
    for (const [number, gone] of [
      [1, 5],
      [2, 4],
    ] as const) {
      send(few, number, `f${number}`);
      const { number: whose, code, final, message } = await refused(many);
      expect([whose, code, final]).to.deep.equal([gone, 'ERR_HOLDFAST_OVERLOADED', false]);
      expect(message).to.contain('4 wait already');
    }
    // Both have the same now: who has a share gets no more.
    send(few, 3, 'f3');
    expect((await refused(few)).number).to.equal(3);
    for (const name of ['m1', 'm2', 'f1', 'm3', 'f2']) {
      await gated.until(() => gated.executions.of(name) === 1);
      gated.open(name);
    }
    expect(gated.executions.total).to.equal(5);
  });

  it('does not tell a client of few calls to wait for all those of another', async () => {
    await start(1, 20);
    const [many, few] = [await raw(), await raw()];
    send(many, 1, 'first');
    await gated.begun(1);
    clock.advance(400);
    gated.open('first');
    await many.nextOf(FrameType.reply);
    for (let number = 2; number < 12; number++) send(many, number, `m${number}`);
    await read(many);
    // One of the other's comes before it, and what runs.
    send(few, 1, 'late', 800);
    expect((await refused(few)).retryAfterMs).to.equal(800);
    send(few, 2, 'in time', 801);
    await read(few);
    gated.open('m2');
    await gated.until(() => gated.executions.of('m3') === 1);
    gated.open('m3');
    await gated.until(() => gated.executions.of('in time') === 1);
  });

  it('counts handlers that answer at once too, and starts all that fit in when one ends', async () => {
    await start(1, 3);
    const peer = await raw();
    send(peer, 1, 'held');
    for (const number of [2, 3, 4]) peer.send(call({ number, value: `r${number}` }));
    await read(peer);
    expect(gated.executions.total).to.equal(1);
    gated.open('held');
    const answered = [];
    while (answered.length < 4) answered.push(numberOf(await peer.nextOf(FrameType.reply)));
    expect(answered).to.deep.equal([1, 2, 3, 4]);
  });

  it('refuses what does not fit into the queue, with a hint that grows with it', async () => {
    await start(1, 3);
    const peer = await raw();
    send(peer, 1, 'first');
    await gated.begun(1);
    clock.advance(400);
    gated.open('first');
    await peer.nextOf(FrameType.reply);
    send(peer, 2, 'running');
    const hints: unknown[] = [];
    for (const place of [1, 2, 3]) {
      // Its turn comes when it has no time left.
      send(peer, 10 * place, 'late', 400 * place);
      const { number, code, message, retryAfterMs, final } = await refused(peer);
      expect([number, code, final]).to.deep.equal([10 * place, 'ERR_HOLDFAST_OVERLOADED', false]);
      expect(message).to.contain('after its deadline');
      hints.push(retryAfterMs);
      send(peer, 10 * place + 1, `w${place}`, 400 * place + 1);
    }
    send(peer, 40, 'one too many');
    const full = await refused(peer);
    expect([full.number, full.code, full.final]).to.deep.equal([
      40,
      'ERR_HOLDFAST_OVERLOADED',
      false,
    ]);
    expect(full.message).to.contain('3 wait already');
    expect([...hints, full.retryAfterMs]).to.deep.equal([400, 800, 1_200, 1_600]);
    // Handlers take longer than they did.
    clock.block(900);
    send(peer, 50, 'again');
    expect((await refused(peer)).retryAfterMs).to.equal(3_600);
    expect(gated.executions.counts()).to.deep.equal({ first: 1, running: 1 });
  });

  it('never runs a call that was cancelled while it waited, and its place is free', async () => {
    await start(1, 1);
    const peer = await raw();
    send(peer, 1, 'running');
    send(peer, 2, 'cancelled');
    peer.send(cancel(2));
    send(peer, 3, 'next');
    await read(peer);
    gated.open('running');
    await gated.until(() => gated.executions.of('next') === 1);
    expect(gated.executions.of('cancelled')).to.equal(0);
  });

  it('never runs a call whose deadline passed while it waited, and tells it in time', async () => {
    await start(1, 2);
    const peer = await raw();
    send(peer, 1, 'running');
    send(peer, 2, 'short', 500);
    send(peer, 3, 'long', 5_000);
    await read(peer);
    await clock.pass(510);
    const { number, code, final } = await refused(peer);
    expect([number, code, final]).to.deep.equal([2, 'ERR_HOLDFAST_DEADLINE', true]);
    // The loop was blocked: the wheel has not turned yet, and the turn comes first.
    clock.block(4_600);
    gated.open('running');
    expect((await refused(peer)).number).to.equal(3);
    expect(gated.executions.counts()).to.deep.equal({ running: 1 });
  });

  it('says of a call that waits that it runs, and of one that was given up that it never did', async () => {
    clock = new VirtualClock({ turns: 'real' });
    const options = { maxConcurrency: 1, maxQueue: 2, clock, resumeGraceMs: 1_000 };
    gated = await Gated.start(undefined, verbs, options);
    const session = Buffer.alloc(16, 9);
    const url = gated.server.urls[0] as string;
    const other = await RawPeer.greeted(url);
    send(other, 1, 'running');
    await gated.begun(1);
    const verdicts: number[] = [];
    for (const link of [1, 2, 3]) {
      const resume = link === 1 ? undefined : u48(5);
      const peer = await RawPeer.connect(url);
      peer.send(clientHello({ session, link, resume }));
      const hello = unpack((await peer.next()).body) as { verdicts?: Uint8Array };
      verdicts.push(...(hello.verdicts ?? []));
      if (link === 1) {
        peer.send(call({ number: 5, verb: mutate, value: 'waits' }));
        await read(peer);
      }
      peer.destroy();
      await peer.closed;
      await settled(() => gated.server.connections);
      if (link === 2) await clock.pass(1_100);
    }
    expect(verdicts).to.deep.equal([1, 0]);
    gated.open('running');
    await other.nextOf(FrameType.reply);
    expect(gated.executions.of('waits')).to.equal(0);
  });
});

describe('A bounded server, as its clients see it', () => {
  let one: Gated;
  let client: Client<typeof verbs>;

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await one.close();
  });

  it('loses no call: those that were refused come again', async () => {
    one = await Gated.start(undefined, verbs, { maxConcurrency: 1, maxQueue: 1 });
    const quick = { reconnectBaseMs: 2, reconnectCapMs: 5 };
    client = connect(one.url, verbs, { ...quick, retryBudget: ampleBudget });
    const names = Array.from({ length: 6 }, (_, index) => `pay ${index}`);
    const calls = Promise.all(names.map((name) => client.call.mutate(name)));
    for (const done of names.keys()) {
      await one.begun(done + 1);
      for (const name of names) one.open(name);
    }
    expect(await calls).to.deep.equal(names.map((name) => `done ${name}`));
    expect(one.executions.total).to.equal(6);
  });

  it('answers on the next link what waited when the link was lost, executed once', async () => {
    one = await Gated.start(undefined, verbs, { maxConcurrency: 1, maxQueue: 2 });
    client = connect(one.url, verbs, { reconnectBaseMs: 1 });
    const calls = [client.call.mutate('first'), client.call.mutate('waits'), client.call.once('o')];
    await one.begun(1);
    const isBack = new Promise<void>((resolve) => {
      client.on('state', ({ next }) => next === 'ready' && resolve());
    });
    one.breaker.last.reset();
    await isBack;
    for (const [done, name] of ['first', 'waits', 'o'].entries()) {
      await one.begun(done + 1);
      one.open(name);
    }
    await Promise.all(calls);
    expect(one.executions.counts()).to.deep.equal({ first: 1, waits: 1, o: 1 });
  });

  it('runs what waits when it drains', async () => {
    one = await Gated.start(undefined, verbs, { maxConcurrency: 1, maxQueue: 2 });
    client = connect(one.url, verbs);
    const calls = [client.call.mutate('first'), client.call.mutate('waits')];
    await one.begun(1);
    await settled(() => one.breaker.last.passed);
    const drained = one.server.drain({ noticeMs: 0 });
    one.open('first');
    await one.begun(2);
    one.open('waits');
    expect(await Promise.all(calls)).to.deep.equal(['done first', 'done waits']);
    expect((await drained).cut).to.deep.equal([]);
  });

  it('gives what still waits at the end of a drain back, to be done elsewhere', async () => {
    one = await Gated.start(undefined, verbs, { maxConcurrency: 1, maxQueue: 2 });
    const handlers = new Executions().handlers();
    const other = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0' });
    const path = new Switch();
    path.target = one.server.urls[0] as string;
    client = connect(path, verbs, { reconnectBaseMs: 1 });
    const cutOff = failureOf(client.call.mutate('runs too long'));
    const waits = client.call.mutate('waits');
    await one.begun(1);
    path.target = other.urls[0] as string;
    const { cut } = await one.server.drain({ timeoutMs: 40, noticeMs: 0 });
    expect(cut.map(({ verb, outcome }) => [verb, outcome])).to.deep.equal([['mutate', 'unknown']]);
    expect(await waits).to.equal('done waits');
    expect((await cutOff).outcome).to.equal('unknown');
    expect(one.executions.counts()).to.deep.equal({ 'runs too long': 1 });
    await other.close();
  });
});
