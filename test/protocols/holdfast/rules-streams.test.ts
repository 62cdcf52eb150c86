import { expect } from 'chai';
import { type Client, connect } from '../../../lib/index.ts';
import { FrameType } from '../../../lib/protocols/holdfast/frames.ts';
import { failureOf } from '../../support/failure.ts';
import {
  greet,
  numberOf,
  ping,
  type RawFrame,
  type RawPeer,
  RawServer,
  reply,
} from '../../support/raw-peer.ts';
import { credit, creditIn, item, itemIn } from '../../support/raw-streams.ts';
import { streamVerbs } from '../../support/stream-scene.ts';

const rows = Object.entries(streamVerbs).map(([name, { safety, kind }]) => [
  name,
  safety,
  kind === 'unary' ? {} : { kind },
]);

describe('what a client with streams must never do, by PROTOCOL.md section 12', () => {
  let server: RawServer;
  let client: Client<typeof streamVerbs>;
  let peer: RawPeer;

  beforeEach(async () => {
    let arrived: (peer: RawPeer) => void = () => {};
    const arrival = new Promise<RawPeer>((resolve) => {
      arrived = resolve;
    });
    server = await RawServer.listen((connected) => arrived(connected));
    client = connect(server.url, streamVerbs);
    const ready = client.ready();
    peer = await arrival;
    await greet(peer, { streams: true, verbs: rows });
    await ready;
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await server.close();
  });

  /** The frames that the client has sent by the time it answers a ping. */
  async function sent(): Promise<RawFrame[]> {
    peer.send(ping(1));
    const frames: RawFrame[] = [];
    for (;;) {
      const next = await peer.next();
      if (next.type === FrameType.pong) return frames;
      frames.push(next);
    }
  }

  it('B6: takes and sends no items before there is credit, and no more than that', async () => {
    let taken = 0;
    function* source(): Generator<Uint8Array> {
      for (;;) {
        taken++;
        yield Buffer.alloc(968);
      }
    }
    const uploaded = client.call.upload('x', source());
    uploaded.catch(() => {});
    const opened = await peer.nextOf(FrameType.call);
    expect(await sent()).to.deep.equal([]);
    expect(taken).to.equal(0);
    const number = numberOf(opened);
    peer.send(credit(number, 0, 3_000));
    expect((await sent()).map(itemIn).map(({ item: place }) => place)).to.deep.equal([1, 2, 3]);
    expect(taken).to.equal(3);
    peer.send(credit(number, 1, 4_500));
    expect((await sent()).map(itemIn).map(({ item: place }) => place)).to.deep.equal([4]);
    peer.send(reply(number, 'enough'));
    expect(await uploaded).to.equal('enough');
  });

  it('C10: sends no END for a stream whose source fails, or that is given up', async () => {
    const broken = client.call.upload(
      'broken',
      (function* () {
        yield 'a';
        throw new Error('the disk is gone');
      })(),
    );
    const failed = failureOf(broken);
    const number = numberOf(await peer.nextOf(FrameType.call));
    peer.send(credit(number, 0, 100_000));
    expect((await failed).message).to.contain('the disk is gone');
    expect((await sent()).map(({ type }) => type).at(-1)).to.equal(FrameType.cancel);
    const controller = new AbortController();
    const given = failureOf(
      client.call.upload('given up', endless(), { signal: controller.signal }),
    );
    const next = numberOf(await peer.nextOf(FrameType.call));
    peer.send(credit(next, 0, 100_000));
    await peer.nextOf(FrameType.item);
    controller.abort();
    await given;
    const types = (await sent()).map(({ type }) => type);
    expect(types).to.include(FrameType.cancel).and.not.include(FrameType.end);
  });

  it('B5: ends the link on items out of order', async () => {
    const items = client.call.watch('x', { timeoutMs: 2_000 });
    const failed = failureOf(
      (async () => {
        for await (const _ of items);
      })(),
    );
    const number = numberOf(await peer.nextOf(FrameType.call));
    const { limit } = creditIn(await peer.nextOf(FrameType.credit));
    expect(limit).to.equal(1_048_576);
    peer.send(item({ number, item: 2, value: 'b' }));
    await peer.closed;
    client.destroy();
    await failed;
  });
});

async function* endless(): AsyncGenerator<string> {
  yield 'a';
  await new Promise(() => {});
}
