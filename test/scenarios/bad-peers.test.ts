import { expect } from 'chai';
import { connect } from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { failureOf } from '../support/failure.ts';
import { greet, numberOf, RawServer, reply } from '../support/raw-peer.ts';
import { verbs } from '../support/verbs.ts';

/** The verbs of the test's registry, as a raw server publishes them. */
const table = Object.entries(verbs).map(([name, { safety }]) => [name, safety, {}]);

describe('Peers that end one half, do not read, or answer in parts', () => {
  it('leaves a peer that ends its own direction at once, and sends it nothing more', async () => {
    const server = await RawServer.listen(async (peer, index) => {
      await greet(peer, { verbs: table });
      const call = await peer.nextOf(FrameType.call);
      // The first ends its direction and would go on reading; the second answers.
      if (index === 0) peer.socket.end();
      else peer.send(reply(numberOf(call), 'answered'));
    });
    const client = connect(server.url, verbs);
    const [mutated, seen] = [failureOf(client.call.mutate('x')), client.call.read('y')];
    expect(await mutated).to.include({ code: 'ERR_HOLDFAST_LOST', outcome: 'unknown' });
    expect(await seen).to.equal('answered');
    await server.peers[0]?.closed;
    expect(server.peers).to.have.length(2);
    await client.close();
    await server.close();
  });

  it('gives up a peer that does not read within the time of the heartbeat, and says what is known', async () => {
    const server = await RawServer.listen(async (peer) => {
      await greet(peer, { verbs: table, maxFrameBytes: 16_000_000 });
      peer.socket.pause();
    });
    const client = connect(server.url, verbs, {
      heartbeatMs: 200,
      heartbeatTimeoutMs: 200,
      timeoutMs: 3_000,
    });
    const payload = 'x'.repeat(8_000_000);
    const errors = await Promise.all(
      [1, 2, 3, 4].map(() => failureOf(client.call.mutate(payload))),
    );
    // Not only at the deadline of the calls: others were tried in the meantime.
    expect(server.peers).to.have.lengthOf.at.least(2);
    // The kernel takes 10 MB at most: the last call was never taken whole, on any connection.
    expect(errors.at(-1)).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'not-executed' });
    for (const { evidence } of errors.at(-1)?.attempts ?? []) {
      expect(evidence).to.be.oneOf(['untouched', 'incomplete']);
    }
    client.destroy();
    await client.closed;
    await server.close();
  });

  it('waits for an answer that comes drop by drop, as long as it comes', async () => {
    const server = await RawServer.listen(async (peer) => {
      await greet(peer, { verbs: table });
      const answer = reply(numberOf(await peer.nextOf(FrameType.call)), 'x'.repeat(40));
      for (const byte of answer) {
        peer.send(Buffer.of(byte));
        await new Promise((resolve) => setTimeout(resolve, 15));
      }
    });
    const client = connect(server.url, verbs, { heartbeatMs: 100, heartbeatTimeoutMs: 100 });
    expect(await client.call.mutate('x')).to.equal('x'.repeat(40));
    await client.close();
    await server.close();
  });

  it('gives up a peer that stops in the middle of an answer', async () => {
    const server = await RawServer.listen(async (peer, index) => {
      await greet(peer, { verbs: table });
      const answer = reply(numberOf(await peer.nextOf(FrameType.call)), 'answered');
      peer.send(index === 0 ? answer.subarray(0, -1) : answer);
    });
    const client = connect(server.url, verbs, { heartbeatMs: 50, heartbeatTimeoutMs: 50 });
    expect(await client.call.read('x')).to.equal('answered');
    expect(server.peers).to.have.length(2);
    await client.close();
    await server.close();
  });
});
