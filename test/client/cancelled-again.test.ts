import { expect } from 'chai';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { failureOf } from '../support/failing.ts';
import { greet, numberOf } from '../support/raw-peer.ts';
import { echo, ScriptedServer } from '../support/scripted-server.ts';

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
