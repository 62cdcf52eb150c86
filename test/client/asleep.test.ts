import { expect } from 'chai';
import { type Client, connect } from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { greet, numberOf, type RawPeer, RawServer, reply } from '../support/raw-peer.ts';
import { verbs } from '../support/verbs.ts';

describe('A client on a machine that has slept', () => {
  let clock: VirtualClock;
  let server: RawServer;
  let client: Client<typeof verbs>;
  /** What came, in order. */
  let heard: string[];
  let isMute: boolean;

  /** Answers calls and pings. */
  async function hear(peer: RawPeer): Promise<void> {
    await greet(peer);
    for (;;) {
      const frame = await peer.next().catch(() => undefined);
      if (frame === undefined) return;
      if (frame.type === FrameType.call) {
        heard.push('call');
        if (isMute) continue;
        peer.send(reply(numberOf(frame), 'done'));
      } else if (frame.type === FrameType.ping) {
        heard.push('ping');
        peer.send(Buffer.from([0, 0, 0, 5, FrameType.pong]), frame.body);
      }
    }
  }

  beforeEach(async () => {
    clock = new VirtualClock({ turns: 'real' });
    heard = [];
    isMute = false;
    server = await RawServer.listen(hear);
    client = connect(server.url, verbs, { clock });
    await client.call.mutate('first');
    heard = [];
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await server.close();
  });

  async function come(count: number): Promise<void> {
    while (heard.length < count) await new Promise((turn) => setImmediate(turn));
  }

  it('asks for a sign of life before the first call that must not be repeated', async () => {
    clock.advance(1_000);
    await client.call.mutate('awake');
    clock.sleep(60_000);
    clock.advance(10);
    await client.call.mutate('asleep before');
    clock.advance(1_000);
    await client.call.mutate('awake again');
    expect(heard).to.deep.equal(['call', 'ping', 'call', 'call']);
  });

  it('does not forget it over a call that is not answered', async () => {
    isMute = true;
    clock.sleep(60_000);
    clock.advance(10);
    const calls = [client.call.read('first')];
    await come(1);
    clock.advance(100);
    calls.push(client.call.mutate('second'));
    await come(2);
    expect(heard).to.deep.equal(['call', 'ping']);
    client.destroy();
    await Promise.allSettled(calls);
  });

  it('does not do so for others, nor after a short nap, nor when the clock was set back', async () => {
    clock.sleep(60_000);
    clock.advance(10);
    await client.call.read('asleep before');
    for (const ms of [5_000, -60_000, 5_000]) {
      clock.sleep(ms);
      clock.advance(10);
      await client.call.mutate('x');
    }
    expect(heard).to.deep.equal(['call', 'call', 'call', 'call']);
  });
});
