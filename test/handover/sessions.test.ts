import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { Bequest } from '../../lib/handover/bequest.ts';
import { connectPredecessor } from '../../lib/handover/connect-predecessor.ts';
import { type Channel, type Client, connect, memory, tcp } from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import type { PassedListener } from '../../lib/server/predecessor.ts';
import type { Session } from '../../lib/server/session.ts';
import { failureOf } from '../support/failure.ts';
import { Gated, Switch } from '../support/gated.ts';
import {
  call,
  clientHello,
  endRawPeers,
  frame,
  RawPeer,
  u48,
  unpack,
} from '../support/raw-peer.ts';
import { verbs } from '../support/verbs.ts';

/** Verdicts as they travel. */
const [never, running, done, forgotten] = [0, 1, 2, 3];

describe('A server that takes over from another', () => {
  let old: Gated;
  let heir: Gated;
  let bequest: Bequest;
  /** The connection between the two, at the old one's end. */
  let between: Channel;
  let path: Switch;
  let client: Client<typeof verbs>;

  beforeEach(async () => {
    old = await Gated.start();
    path = new Switch();
    path.target = old.url;
    client = connect(path, verbs, { reconnectBaseMs: 2, reconnectCapMs: 5, timeoutMs: 3_000 });
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await endRawPeers();
    await heir.close();
    await bequest.close();
    await old.close();
  });

  /** What happens when a successor has listened: clients that come now reach it. */
  async function takeOver(): Promise<void> {
    const wire = memory();
    let began: Promise<Bequest> | undefined;
    const listening = await wire.listen((channel) => {
      between = channel;
      began = Bequest.on(channel, old.server.core);
    });
    let dialled: Promise<Channel> | undefined = wire.dial(new AbortController().signal);
    const predecessor = connectPredecessor(
      () => {
        const channel = dialled;
        dialled = undefined;
        return channel;
      },
      () => {},
    );
    const listener = tcp({ port: 0 });
    const passed: PassedListener = { listen: (accept) => listener.listen(accept), predecessor };
    heir = await Gated.start(passed);
    bequest = (await began) as Bequest;
    await bequest.ready;
    await listening.close();
    path.target = heir.url;
  }

  /** As at the end of a drain: the heir takes what nobody asked for. */
  async function end(): Promise<void> {
    await bequest.finish();
    await bequest.close();
  }

  /** The link to the old server is lost, and the client comes back. */
  async function lose(): Promise<void> {
    const isBack = new Promise<void>((resolve) => {
      client.on('state', ({ next }) => next === 'ready' && resolve());
    });
    old.breaker.last.reset();
    await isBack;
  }

  const executed = (name: string): readonly number[] => [
    old.executions.of(name),
    heir.executions.of(name),
  ];

  it('delivers the answer of a call that runs on at the old one, executed once', async () => {
    const paid = client.call.mutate('pay');
    await old.begun(1);
    await takeOver();
    await lose();
    old.open('pay');
    expect(await paid).to.equal('done pay');
    expect(executed('pay')).to.deep.equal([1, 0]);
  });

  it('delivers an answer that did not get through', async () => {
    const paid = client.call.mutate('pay');
    await old.begun(1);
    await takeOver();
    old.breaker.last.server.removeAllListeners('data').resume();
    old.open('pay');
    await old.until(() => old.breaker.last.server.bytesRead > 0);
    old.breaker.last.reset();
    expect(await paid).to.equal('done pay');
    expect(executed('pay')).to.deep.equal([1, 0]);
  });

  it('delivers what ran on while a client leaves the old link for the next', async () => {
    const paid = client.call.mutate('pay');
    await old.begun(1);
    await takeOver();
    const successor = { onDone: () => bequest.finish() };
    const drained = old.server.core.drain({ timeoutMs: 5_000, noticeMs: 0, successor });
    // The next link is up, and the old one is left alone until its calls are done.
    expect(await client.call.read('x')).to.equal('done x');
    expect(old.server.connections).to.equal(1);
    expect(executed('x')).to.deep.equal([0, 1]);
    old.breaker.last.reset();
    old.open('pay');
    expect(await paid).to.equal('done pay');
    expect(executed('pay')).to.deep.equal([1, 0]);
    expect(await drained).to.deep.equal([]);
  });

  it('runs what the old one never had, and reads at once', async () => {
    await client.call.read('known');
    await takeOver();
    // Taken by the system, never read by the server.
    old.breaker.last.client.removeAllListeners('data').resume();
    const calls = [client.call.mutate('pay'), client.call.read('x')] as const;
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    old.breaker.last.reset();
    await heir.begun(2);
    heir.open('pay');
    expect(await Promise.all(calls)).to.deep.equal(['done pay', 'done x']);
    expect(executed('pay')).to.deep.equal([0, 1]);
  });

  it('knows what became of calls whose client comes when the old one is gone', async () => {
    const paid = client.call.mutate('pay');
    const bought = client.call.mutate('buy');
    await old.begun(2);
    path.target = '';
    old.breaker.last.reset();
    old.open('pay');
    old.open('buy');
    await takeOver();
    path.target = '';
    await end();
    await old.close();
    path.target = heir.url;
    expect(await Promise.all([paid, bought])).to.deep.equal(['done pay', 'done buy']);
    expect([...executed('pay'), ...executed('buy')]).to.deep.equal([1, 0, 1, 0]);
  });

  it('says that nobody knows when the old one ends before the call', async () => {
    const paid = failureOf(client.call.mutate('pay'));
    await old.begun(1);
    await takeOver();
    await lose();
    between.destroy();
    const { code, outcome } = await paid;
    expect(outcome).to.equal('unknown');
    // The links are lost too: the records of "once" calls are another set now.
    expect(code).to.be.oneOf(['ERR_HOLDFAST_UNFINISHED', 'ERR_HOLDFAST_LOST']);
    expect(executed('pay')).to.deep.equal([1, 0]);
  });

  it('says nothing of calls when the old one ended before it could be asked', async () => {
    const paid = failureOf(client.call.mutate('pay'));
    await old.begun(1);
    await takeOver();
    between.destroy();
    old.breaker.last.reset();
    const { code, outcome } = await paid;
    expect([code, outcome]).to.deep.equal(['ERR_HOLDFAST_LOST', 'unknown']);
    expect(executed('pay')).to.deep.equal([1, 0]);
  });

  it('passes on that nobody waits for a call any more', async () => {
    const cancel = new AbortController();
    const paid = failureOf(client.call.mutate('pay', { signal: cancel.signal }));
    await old.begun(1);
    await takeOver();
    await lose();
    cancel.abort();
    expect((await paid).outcome).to.equal('unknown');
    await old.until(() => old.aborted.includes('pay'));
  });

  describe('with records of "once" calls in memory', () => {
    it('gives the recorded answer, while the old one lives and when it is gone', async () => {
      old.open('pay');
      const paid = client.call.once('pay', { key: 'k' });
      await old.begun(1);
      old.open('pay');
      expect(await paid).to.equal('done pay');
      await takeOver();
      const other = connect(heir.url, verbs);
      expect(await other.call.once('pay', { key: 'k' })).to.equal('done pay');
      await end();
      expect(await other.call.once('pay', { key: 'k' })).to.equal('done pay');
      const reused = await failureOf(other.call.once('buy', { key: 'k' }));
      expect(reused.code).to.equal('ERR_HOLDFAST_KEY_REUSED');
      expect(executed('pay')).to.deep.equal([1, 0]);
      await other.close();
    });

    it('waits for what still runs at the old one', async () => {
      const paid = client.call.once('pay', { key: 'k' });
      await old.begun(1);
      await takeOver();
      const other = connect(heir.url, verbs);
      const again = other.call.once('pay', { key: 'k' });
      await other.call.read('x');
      old.open('pay');
      expect(await Promise.all([paid, again])).to.deep.equal(['done pay', 'done pay']);
      expect(executed('pay')).to.deep.equal([1, 0]);
      await other.close();
    });

    it('keeps what it ran itself, whether the old one ends well or not', async () => {
      await takeOver();
      const other = connect(heir.url, verbs);
      for (const key of ['k', 'l']) {
        const paid = other.call.once(key, { key });
        await heir.until(() => heir.executions.of(key) === 1);
        heir.open(key);
        await paid;
        if (key === 'k') await end();
        else between.destroy();
        expect(await other.call.once(key, { key })).to.equal(`done ${key}`);
        expect(heir.executions.of(key)).to.equal(1);
      }
      await other.close();
    });

    it('does not run a repeat of a call that may have run at an old one that is gone', async () => {
      const paid = failureOf(client.call.once('pay', { key: 'k' }));
      await old.begun(1);
      await takeOver();
      const other = connect(heir.url, verbs);
      await other.call.read('known');
      between.destroy();
      old.breaker.last.reset();
      expect((await paid).outcome).to.equal('unknown');
      expect(executed('pay')).to.deep.equal([1, 0]);
      const next = other.call.once('buy', { key: 'l' });
      await heir.until(() => heir.executions.of('buy') === 1);
      heir.open('buy');
      expect(await next).to.equal('done buy');
      await other.close();
    });
  });

  describe('is asked by hand, and', () => {
    const session = randomBytes(16);

    /** A client that has sent calls 1 to 3 to the old server: 1 runs, 2 is done, 3 is not sent. */
    async function started(): Promise<RawPeer> {
      const peer = await RawPeer.connect(old.server.urls[0] as string);
      peer.send(clientHello({ session }));
      await peer.nextOf(FrameType.hello);
      peer.send(
        call({ number: 1, verb: 4, value: 'one' }),
        call({ number: 2, verb: 4, value: 'two' }),
      );
      await old.begun(2);
      old.open('two');
      await peer.nextOf(FrameType.reply);
      return peer;
    }

    interface Greeting {
      readonly heirOf?: readonly string[];
      readonly verdicts?: Uint8Array;
    }

    const resumed = (...numbers: readonly number[]): Promise<readonly [RawPeer, Greeting]> =>
      greeted({ session }, ...numbers);

    async function greeted(
      fields: { readonly session: Buffer; readonly alone?: boolean },
      ...numbers: readonly number[]
    ): Promise<readonly [RawPeer, Greeting]> {
      const peer = await RawPeer.connect(heir.server.urls[0] as string);
      const resume = numbers.length === 0 ? {} : { resume: Buffer.concat(numbers.map(u48)) };
      peer.send(clientHello({ ...fields, ...resume }));
      return [peer, unpack((await peer.nextOf(FrameType.hello)).body) as Greeting];
    }

    it('S13: closes the link at the old one before it says a word', async () => {
      const peer = await started();
      await takeOver();
      const [, { verdicts, heirOf }] = await resumed(1, 2, 3);
      expect([...(verdicts ?? [])]).to.deep.equal([running, done, never]);
      expect(heirOf).to.deep.equal([old.server.core.hello.server]);
      await peer.closed;
      peer.send(call({ number: 3, verb: 4, value: 'three' }));
      old.open('one');
      await new Promise((resolve) => setImmediate(resolve));
      expect(old.executions.of('three')).to.equal(0);
    });

    it('leaves the old link alone as long as nothing is asked, then answers on the new one', async () => {
      const peer = await started();
      await takeOver();
      const [next, { verdicts, heirOf }] = await resumed();
      expect(verdicts).to.equal(undefined);
      expect(heirOf).to.deep.equal([old.server.core.hello.server]);
      peer.send(call({ number: 3, verb: 4, value: 'three' }));
      await old.begun(3);
      next.send(frame(FrameType.ask, u48(1), u48(2), u48(3), u48(4)));
      const { body } = await next.nextOf(FrameType.verdicts);
      expect([...body.subarray(24)]).to.deep.equal([running, done, running, never]);
      await peer.closed;
      old.open('three');
      await next.nextOf(FrameType.reply);
      old.open('one');
    });

    it('never says "never" of a session that the old one had forgotten', async () => {
      const peer = await started();
      old.open('one');
      await peer.nextOf(FrameType.reply);
      await takeOver();
      const [next] = await resumed();
      peer.destroy();
      const known = old.server.core.sessions.get(session.toString('hex')) as Session;
      while (known.isJoined) await new Promise((resolve) => setImmediate(resolve));
      known.end();
      next.send(frame(FrameType.ask, u48(1), u48(2), u48(9)));
      const { body } = await next.nextOf(FrameType.verdicts);
      expect([...body.subarray(18)]).to.deep.equal([forgotten, forgotten, forgotten]);
    });

    it('knows all calls of a client that has come with no other connection', async () => {
      await takeOver();
      for (const alone of [true, false]) {
        const fields = { session: randomBytes(16) };
        const [first] = await greeted({ ...fields, ...(alone && { alone }) }, 1);
        first.destroy();
        const [, { verdicts, heirOf }] = await greeted(fields, 1, 2);
        expect([...(verdicts ?? [])]).to.deep.equal([forgotten, never]);
        const servers = alone ? [old.server.core.hello.server] : undefined;
        expect(heirOf, alone ? 'alone' : 'not alone').to.deep.equal(servers);
      }
    });

    it('never says "never" of what it has forgotten itself, whatever the old one knew', async () => {
      const peer = await started();
      old.open('one');
      await peer.nextOf(FrameType.reply);
      await takeOver();
      const [next] = await resumed();
      next.send(call({ number: 3, verb: 4, value: 'three' }));
      await heir.begun(1);
      heir.open('three');
      await next.nextOf(FrameType.reply);
      next.destroy();
      const known = heir.server.core.sessions.get(session.toString('hex')) as Session;
      while (known.isJoined) await new Promise((resolve) => setImmediate(resolve));
      known.end();
      await end();
      const [, { verdicts }] = await resumed(2, 3, 4);
      expect([...(verdicts ?? [])]).to.deep.equal([done, forgotten, never]);
    });

    it('lets nobody join a session at the old one that it has taken', async () => {
      await started();
      await takeOver();
      await resumed(1);
      const late = await RawPeer.connect(old.server.urls[0] as string);
      late.send(clientHello({ session }));
      expect((await late.fault()).code).to.equal('ERR_HOLDFAST_DRAINING');
      old.open('one');
    });

    it('takes what is left at the end, each session once', async () => {
      await started();
      old.open('one');
      await takeOver();
      await end();
      const [, { verdicts, heirOf }] = await resumed(1, 2, 3);
      expect([...(verdicts ?? [])]).to.deep.equal([done, done, never]);
      expect(heirOf).to.deep.equal([old.server.core.hello.server]);
    });
  });
});
