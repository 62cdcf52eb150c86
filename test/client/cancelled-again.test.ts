import { expect } from 'chai';
import { connect } from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { holdfastProtocol } from '../../lib/protocols/holdfast/index.ts';
import { failureOf } from '../support/failure.ts';
import { Gated } from '../support/gated.ts';
import { greet, numberOf } from '../support/raw-peer.ts';
import { echo, ScriptedServer } from '../support/scripted-server.ts';
import { verbs } from '../support/verbs.ts';

describe('A call that was cancelled on a connection that is lost', () => {
  let script: ScriptedServer;

  afterEach(() => script.close());

  /** Numbers of the calls of which CANCEL came, as soon as there are so many. */
  async function cancelled(count: number): Promise<number[]> {
    for (;;) {
      const frames = script.others.filter(({ type }) => type === FrameType.cancel);
      if (frames.length >= count) return frames.map((frame) => numberOf(frame));
      await new Promise((turn) => setImmediate(turn));
    }
  }

  it('is cancelled again on the next: the server may not have read it', async () => {
    script = await ScriptedServer.start(
      (peer) => greet(peer),
      (peer, number, index) => index > 0 && echo(peer, number),
    );
    const { call } = script.client;
    const abort = new AbortController();
    const failed = failureOf(call.mutate('x', { signal: abort.signal }));
    while (script.calls.flat().length === 0) await new Promise((turn) => setImmediate(turn));
    abort.abort();
    expect(await failed).to.include({ outcome: 'unknown' });
    expect(await cancelled(1)).to.have.length(1);
    script.peers[0]?.destroy();
    await call.read('y');
    const [first, again] = await cancelled(2);
    expect(again).to.equal(first);
  });
});

describe('A call that is cancelled while its server drains', () => {
  it('is over there too, although it is the last on its connection, and holds up nobody', async () => {
    const gated = await Gated.start();
    const client = connect(gated.server.urls[0] as string, verbs);
    const controller = new AbortController();
    const call = failureOf(client.call.mutate('pay', { signal: controller.signal }));
    await gated.begun(1);
    const isLeft = new Promise<void>((resolve) => {
      client.on('state', ({ previous }) => previous === 'ready' && resolve());
    });
    const drained = gated.server.drain({ timeoutMs: 60_000, noticeMs: 0 });
    await isLeft;
    controller.abort();
    expect((await call).code).to.equal('ERR_HOLDFAST_ABORTED');
    expect((await drained).cut).to.deep.equal([]);
    expect(gated.aborted).to.deep.equal(['pay']);
    client.destroy();
    await client.closed;
    await gated.close();
  });
});

describe('A call that is cancelled by a protocol that has one call at a time', () => {
  it('does not cost the connection, where the server can be told', async () => {
    const gated = await Gated.start();
    const protocol = { ...holdfastProtocol, maxInFlight: 1 };
    const client = connect(gated.server.urls[0] as string, verbs, { protocol });
    const lost: unknown[] = [];
    client.on('reconnecting', (event) => lost.push(event));
    const controller = new AbortController();
    const call = failureOf(client.call.mutate('pay', { signal: controller.signal }));
    await gated.begun(1);
    controller.abort();
    expect((await call).code).to.equal('ERR_HOLDFAST_ABORTED');
    expect(await client.call.read('next')).to.equal('done next');
    expect(lost).to.deep.equal([]);
    expect(gated.aborted).to.deep.equal(['pay']);
    client.destroy();
    await client.closed;
    await gated.close();
  });
});
