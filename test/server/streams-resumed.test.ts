import { expect } from 'chai';
import type { Server } from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { call, frame, replied, u48 } from '../support/raw-peer.ts';
import { credit, end, item, nextCredit, nextItem } from '../support/raw-streams.ts';
import { place, roundTrip, StreamScene, sessionOf, wide } from '../support/stream-scene.ts';

describe('streams at a server, when links and the server end', () => {
  let scene: StreamScene;

  beforeEach(() => {
    scene = new StreamScene();
  });

  afterEach(() => scene.end());

  it('goes on at the next item on a new link, in both directions', async () => {
    const url = await scene.listen();
    const id = sessionOf(1);
    const first = await scene.greeted(url, { session: id });
    first.send(call({ number: 1, verb: place.chat }), credit(1, 0, wide));
    await nextCredit(first);
    first.send(item({ number: 1, item: 1, value: 'a' }), item({ number: 1, item: 2, value: 'b' }));
    expect(await nextItem(first)).to.deep.equal([1, 'got a']);
    expect(await nextItem(first)).to.deep.equal([2, 'got b']);
    first.destroy();
    const { peer, verdict } = await scene.resumed(url, id, 1);
    expect(verdict).to.equal('running');
    expect((await nextCredit(peer)).received).to.equal(2);
    // The client has the first item only.
    peer.send(credit(1, 1, wide), item({ number: 1, item: 3, value: 'c' }), end(1, 3));
    expect(await nextItem(peer)).to.deep.equal([2, 'got b']);
    expect(await nextItem(peer)).to.deep.equal([3, 'got c']);
    expect((await peer.next()).type).to.equal(FrameType.reply);
  });

  it('S10: sends parts on the new link that are no larger than the client takes there', async () => {
    const url = await scene.listen({ watch: () => [Buffer.alloc(50_000)] });
    const id = sessionOf(4);
    const first = await scene.greeted(url, { session: id });
    first.send(call({ number: 1, verb: place.watch }), credit(1, 0, wide));
    await first.nextOf(FrameType.reply);
    first.destroy();
    const { peer } = await scene.resumed(url, id, 1, { maxFrameBytes: 20_000 });
    peer.send(credit(1, 0, wide));
    const sizes: number[] = [];
    for (let next = await peer.next(); next.type === FrameType.item; next = await peer.next()) {
      sizes.push(next.body.length + 5);
    }
    expect(sizes).to.deep.equal([20_000, 20_000, 10_054]);
  });

  it('S15: says running of a read stream too, until the client has every item; then done', async () => {
    const url = await scene.listen();
    const id = sessionOf(2);
    const first = await scene.greeted(url, { session: id });
    first.send(call({ number: 1, verb: place.watch, value: 'a' }), credit(1, 0, wide));
    await first.nextOf(FrameType.reply);
    first.destroy();
    const second = await scene.resumed(url, id, 1);
    expect(second.verdict).to.equal('running');
    second.peer.send(credit(1, 1, wide));
    expect(await nextItem(second.peer)).to.deep.equal([2, 'a 2']);
    expect(await nextItem(second.peer)).to.deep.equal([3, 'a 3']);
    expect((await second.peer.next()).type).to.equal(FrameType.reply);
    second.peer.send(credit(1, 3, wide));
    await roundTrip(second.peer);
    second.peer.destroy();
    const third = await scene.resumed(url, id, 1);
    expect(third.verdict).to.equal('done');
    expect((await third.peer.next()).type).to.equal(FrameType.reply);
  });

  it('forgets the items of a call that the client has settled', async () => {
    const url = await scene.listen();
    const id = sessionOf(3);
    const first = await scene.greeted(url, { session: id });
    first.send(call({ number: 1, verb: place.watch }), credit(1, 0, wide));
    await first.nextOf(FrameType.reply);
    first.send(frame(FrameType.acknowledge, u48(2)));
    await roundTrip(first);
    first.destroy();
    expect((await scene.resumed(url, id, 1)).verdict).to.equal('forgotten');
  });

  it('forgets them too while a stream goes on that came before', async () => {
    const url = await scene.listen();
    const id = sessionOf(5);
    const first = await scene.greeted(url, { session: id });
    first.send(call({ number: 1, verb: place.upload }));
    await nextCredit(first);
    first.send(call({ number: 2, verb: place.watch }), credit(2, 0, wide));
    await first.nextOf(FrameType.reply);
    // The client has all of it, and its word on that is lost with the link.
    first.destroy();
    const second = await scene.resumed(url, id, 1);
    expect(second.verdict).to.equal('running');
    second.peer.send(frame(FrameType.acknowledge, u48(1), u48(2)));
    await roundTrip(second.peer);
    second.peer.send(frame(FrameType.ask, u48(2)));
    const { body } = await second.peer.nextOf(FrameType.verdicts);
    const forgotten = 3;
    expect(body.at(-1)).to.equal(forgotten);
    second.peer.send(end(1, 0));
    expect(replied(await second.peer.nextOf(FrameType.reply))).to.deep.equal([]);
    second.peer.destroy();
    expect(await (scene.server as Server).drain({ timeoutMs: 5_000, noticeMs: 0 })).to.deep.equal({
      cut: [],
    });
  });

  it('drains: a stream is finished within the time', async () => {
    const peer = await scene.greeted(await scene.listen());
    peer.send(call({ number: 1, verb: place.upload }));
    await nextCredit(peer);
    const drained = (scene.server as Server).drain({ timeoutMs: 30_000, noticeMs: 0 });
    await peer.nextOf(FrameType.line);
    peer.send(item({ number: 1, item: 1, value: 'last' }), end(1, 1));
    expect(replied(await peer.nextOf(FrameType.reply))).to.deep.equal(['last']);
    peer.destroy();
    expect(await drained).to.deep.equal({ cut: [] });
  });

  it('drains: a stream that takes too long is cut off and named', async () => {
    const peer = await scene.greeted(await scene.listen());
    peer.send(call({ number: 1, verb: place.upload }), call({ number: 2, verb: place.watch }));
    peer.send(credit(2, 0, wide));
    await nextCredit(peer);
    await peer.nextOf(FrameType.reply);
    const { cut } = await (scene.server as Server).drain({ timeoutMs: 50, noticeMs: 0 });
    // The second has ended, and its client does not say that it has the items.
    expect(cut.map(({ verb, outcome }) => [verb, outcome])).to.deep.equal([
      ['upload', 'unknown'],
      ['watch', 'executed'],
    ]);
    expect(await scene.notes(1)).to.deep.equal([
      'failed: Call "upload" was cancelled: the server drained and its time was over',
    ]);
  });
});
