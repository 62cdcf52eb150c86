import { expect } from 'chai';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import {
  call,
  frame,
  listOf,
  numberOf,
  ping,
  type RawPeer,
  replied,
  u48,
} from '../support/raw-peer.ts';
import { credit, creditIn, end, item, nextCredit } from '../support/raw-streams.ts';
import { place, roundTrip, StreamScene, sessionOf, wide } from '../support/stream-scene.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

describe('streams of a client that is wrong, or greedy', () => {
  let scene: StreamScene;

  beforeEach(() => {
    scene = new StreamScene();
  });

  afterEach(() => scene.end());

  /** A stream each way, begun: call 1 is an upload, call 2 a watch whose three items were sent. */
  async function begun(url: string, fields: Record<string, unknown> = {}): Promise<RawPeer> {
    const peer = await scene.greeted(url, fields);
    peer.send(call({ number: 1, verb: place.upload }));
    await nextCredit(peer);
    peer.send(call({ number: 2, verb: place.watch }), credit(2, 0, wide));
    await peer.nextOf(FrameType.reply);
    return peer;
  }

  const part = { number: 1, item: 1, bytes: Buffer.alloc(60_000) };
  const wrong: readonly [what: string, ...frames: Buffer[]][] = [
    ['an item out of order', item({ number: 1, item: 2 })],
    ['an item twice', item({ number: 1, item: 1 }), item({ number: 1, item: 1 })],
    ['an item behind the end', end(1, 0), item({ number: 1, item: 1 })],
    ['the end twice', end(1, 0), end(1, 0)],
    ['the end with another count', item({ number: 1, item: 1 }), end(1, 2)],
    ['the end in the midst of an item', item({ ...part, hasMore: true }), end(1, 1)],
    ['an empty part that others follow', item({ ...part, bytes: Buffer.alloc(0), hasMore: true })],
    [
      'another form in the midst of an item',
      item({ ...part, hasMore: true }),
      item({ ...part, form: 1 }),
    ],
    ['an item of a call that takes none', item({ number: 2, item: 1 })],
    ['the end of a stream that is none', end(2, 0)],
    ['credit for a call that gives nothing', credit(1, 0, wide)],
    ['credit for an item that was not sent', credit(2, 4, wide)],
    ['credit that goes back', credit(2, 2, wide), credit(2, 1, wide)],
    ['a limit that goes back', credit(2, 1, wide - 1)],
    ['an ITEM without its fields', frame(FrameType.item, Buffer.alloc(12))],
    ['a CREDIT that is too long', frame(FrameType.credit, Buffer.alloc(19))],
    ['an END that is too short', frame(FrameType.end, Buffer.alloc(11))],
  ];
  for (const [what, ...frames] of wrong) {
    it(`B5: ends the link on ${what}, and harms nobody else`, async () => {
      const url = await scene.listen();
      const other = await begun(url);
      const peer = await begun(url);
      peer.send(...frames);
      expect((await peer.fault()).code).to.equal('ERR_HOLDFAST_PROTOCOL');
      other.send(item({ number: 1, item: 1, value: 'a' }), end(1, 1));
      expect(replied(await other.nextOf(FrameType.reply))).to.deep.equal(['a']);
    });
  }

  it('B5: ends the link on items beyond the limit', async () => {
    const url = await scene.listen({ upload: () => new Promise(() => {}) });
    const peer = await scene.greeted(url);
    peer.send(call({ number: 1, verb: place.upload }));
    expect((await nextCredit(peer)).limit).to.equal(MiB);
    const sixteenth = Buffer.alloc(MiB / 16 - 32);
    for (let place = 1; place <= 16; place++)
      peer.send(item({ number: 1, item: place, bytes: sixteenth }));
    await roundTrip(peer);
    peer.send(item({ number: 1, item: 17, bytes: Buffer.alloc(1) }));
    expect((await peer.fault()).message).to.contain('beyond the limit of 1048576');
  });

  it('B5: ends the link on parts that never end', async () => {
    const url = await scene.listen({}, { maxFrameBytes: 200_000 });
    const peer = await begun(url);
    const endless = Buffer.concat(
      Array.from({ length: 4 }, () => item({ ...part, hasMore: true })),
    );
    peer.send(endless);
    expect((await peer.fault()).code).to.equal('ERR_HOLDFAST_FRAME_TOO_LARGE');
  });

  it('ends the link on an item that comes there before credit', async () => {
    const url = await scene.listen();
    const id = sessionOf(9);
    (await begun(url, { session: id })).destroy();
    const peer = await scene.greeted(url, { session: id });
    peer.send(item({ number: 1, item: 1, value: 'a' }));
    expect((await peer.fault()).message).to.contain('before any CREDIT');
    // The call is not lost by that.
    const { peer: next, verdict } = await scene.resumed(url, id, 1);
    expect(verdict).to.equal('running');
    await nextCredit(next);
    next.send(item({ number: 1, item: 1, value: 'a' }), end(1, 1));
    expect(replied(await next.nextOf(FrameType.reply))).to.deep.equal(['a']);
  });

  it('ignores frames of calls that are settled, cancelled or never were', async () => {
    const peer = await scene.greeted(await scene.listen());
    peer.send(call({ number: 1, verb: place.echo }), item({ number: 1, item: 9, value: 1 }));
    peer.send(credit(2, 7, 1), end(3, 5), item({ number: 4, item: 2, value: 1 }));
    expect(numberOf(await peer.nextOf(FrameType.reply))).to.equal(1);
    await roundTrip(peer);
  });

  it('fails an item that cannot be decoded in its own call alone', async () => {
    const peer = await begun(await scene.listen());
    peer.send(item({ number: 1, item: 1, bytes: Buffer.of(0xc1), form: 1 }));
    expect((await scene.notes(1))[0]).to.contain('cannot be decoded');
    expect(numberOf(await peer.nextOf(FrameType.error))).to.equal(1);
    await roundTrip(peer);
  });

  it('shares maxIncomingBytes among the windows of a client, and refuses more streams', async () => {
    const url = await scene.listen(
      { upload: () => new Promise(() => {}) },
      { maxIncomingBytes: 4 * MiB },
    );
    const peer = await scene.greeted(url);
    for (let number = 1; number <= 60; number++) peer.send(call({ number, verb: place.upload }));
    await roundTripKeeping(peer);
    const windows = peer.frames.filter(({ type }) => type === FrameType.credit).map(creditIn);
    const refused = peer.frames.filter(({ type }) => type === FrameType.refused);
    const promised = windows.reduce((sum, { limit }) => sum + limit, 0);
    expect(windows.length + refused.length).to.equal(60);
    expect(windows[0]?.limit).to.equal((4 * MiB) / 8 - 1);
    expect(Math.min(...windows.map(({ limit }) => limit))).to.equal(128 * KiB);
    expect(promised).to.be.within(3.5 * MiB, 4 * MiB);
    expect(refused.map((each) => listOf(each)[0])).to.include('ERR_HOLDFAST_INCOMING_FULL');
  });

  it('refuses for good a stream for which there can never be a window', async () => {
    const peer = await scene.greeted(await scene.listen({}, { maxIncomingBytes: 100_000 }));
    peer.send(call({ number: 1, verb: place.upload }));
    const [code, , , final] = listOf(await peer.nextOf(FrameType.refused));
    expect([code, final]).to.deep.equal(['ERR_HOLDFAST_INCOMING_FULL', true]);
  });

  it('fails a call whose item is larger than its window when there is no room for it', async () => {
    const url = await scene.listen({}, { maxIncomingBytes: 512 * KiB });
    const peer = await scene.greeted(url);
    peer.send(call({ number: 1, verb: place.upload }));
    let { limit } = await nextCredit(peer);
    expect(limit).to.equal(128 * KiB);
    // It is widened twice; then nearly all of the session's memory is promised.
    for (let sent = 32; limit < 384 * KiB; ) {
      const bytes = Buffer.alloc(Math.min(60_000, limit - sent));
      peer.send(item({ number: 1, item: 1, bytes, hasMore: true }));
      sent += bytes.length;
      if (limit - sent < 64 * KiB) limit = (await nextCredit(peer)).limit;
    }
    for (let parts = 0; parts < 3; parts++) {
      peer.send(item({ number: 1, item: 1, bytes: Buffer.alloc(40_000), hasMore: true }));
    }
    expect(numberOf(await peer.nextOf(FrameType.error))).to.equal(1);
    expect(scene.noted.at(-1)).to.contain('there is no room for more');
    await roundTrip(peer);
  });

  it('keeps no more items for a client that acknowledges nothing than maxOutgoingBytes', async () => {
    let given = 0;
    const url = await scene.listen(
      {
        watch: function* () {
          for (;;) {
            given += 10_000;
            yield Buffer.alloc(10_000);
          }
        },
      },
      { maxOutgoingBytes: 2 * MiB },
    );
    const peer = await scene.greeted(url);
    const streams = 20;
    for (let number = 1; number <= streams; number++) {
      peer.send(call({ number, verb: place.watch }), credit(number, 0, 2 ** 40));
    }
    await roundTrip(peer);
    const least = 256 * KiB;
    expect(given).to.be.within(2 * MiB, 2 * MiB + streams * (least + 10_000));
  });

  it('runs no more streams than 16 times maxOutgoingBytes allow', async () => {
    const peer = await scene.greeted(await scene.listen({}, { maxOutgoingBytes: 64 * KiB }));
    for (let number = 1; number <= 5; number++) peer.send(call({ number, verb: place.watch }));
    const [code, message] = listOf(await peer.nextOf(FrameType.refused));
    expect(code).to.equal('ERR_HOLDFAST_TOO_MANY_CALLS');
    expect(message).to.contain('maxOutgoingBytes (65536)');
    // One that is over makes room.
    peer.send(frame(FrameType.cancel, u48(1)), call({ number: 6, verb: place.watch }));
    peer.send(credit(6, 0, wide));
    expect(numberOf(await peer.nextOf(FrameType.reply))).to.equal(6);
  });

  it('goes on with the streams that waited for room, as soon as there is some', async () => {
    const url = await scene.listen(
      {
        watch: function* () {
          for (let number = 1; number <= 100; number++) yield Buffer.alloc(20_000, number);
        },
      },
      { maxOutgoingBytes: MiB },
    );
    const peer = await scene.greeted(url);
    const received = new Map<number, number>();
    for (let number = 1; number <= 8; number++) {
      received.set(number, 0);
      peer.send(call({ number, verb: place.watch }), credit(number, 0, 2 ** 40));
    }
    // Whoever acknowledges one stream alone must not keep the others waiting for ever.
    for (let answers = 0; answers < 8; ) {
      const next = await peer.next();
      if (next.type === FrameType.reply) answers++;
      if (next.type !== FrameType.item) continue;
      const number = next.body.readUIntBE(1, 6);
      const count = (received.get(number) as number) + 1;
      received.set(number, count);
      if (count % 5 === 0) peer.send(credit(number, count, 2 ** 40));
    }
    expect([...received.values()]).to.deep.equal(Array(8).fill(100));
  });

  it('drops what it keeps of a stream when the client cancels it', async () => {
    const url = await scene.listen(
      { watch: () => Array.from({ length: 50 }, () => Buffer.alloc(20_000)) },
      { maxOutgoingBytes: 200_000 },
    );
    const peer = await scene.greeted(url);
    for (let number = 1; number <= 40; number++) {
      peer.send(call({ number, verb: place.watch }), credit(number, 0, 2 ** 40));
      await itemOf(peer, number);
      peer.send(frame(FrameType.cancel, u48(number)));
    }
    peer.send(call({ number: 41, verb: place.watch }), credit(41, 0, 150_000));
    // All of what the session may keep is there for this one.
    for (let place = 1; place <= 7; place++) await itemOf(peer, 41);
  });
});

/** Waits until all that was sent was read, and keeps the frames that come meanwhile. */
async function roundTripKeeping(peer: RawPeer): Promise<void> {
  const kept = [];
  peer.send(ping(9));
  for (;;) {
    const next = await peer.next();
    if (next.type === FrameType.pong) break;
    kept.push(next);
  }
  peer.frames.unshift(...kept);
}

async function itemOf(peer: RawPeer, number: number): Promise<void> {
  for (;;) {
    const next = await peer.nextOf(FrameType.item);
    if (next.body.readUIntBE(1, 6) === number) return;
  }
}
