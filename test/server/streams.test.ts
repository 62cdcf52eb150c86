import { expect } from 'chai';
import { refuse } from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { call, cancel, listOf, RawPeer, replied } from '../support/raw-peer.ts';
import { credit, creditIn, end, item, nextCredit, nextItem } from '../support/raw-streams.ts';
import { type Handlers, place, roundTrip, StreamScene, wide } from '../support/stream-scene.ts';

describe('a server with streams', () => {
  let scene: StreamScene;

  beforeEach(() => {
    scene = new StreamScene();
  });

  afterEach(() => scene.end());

  it('sends the items of a response stream, and its answer behind them', async () => {
    const peer = await scene.greeted(await scene.listen());
    peer.send(call({ number: 1, verb: place.watch, value: 'a' }), credit(1, 0, wide));
    expect(await nextItem(peer)).to.deep.equal([1, 'a 1']);
    expect(await nextItem(peer)).to.deep.equal([2, 'a 2']);
    expect(await nextItem(peer)).to.deep.equal([3, 'a 3']);
    expect((await peer.next()).type).to.equal(FrameType.reply);
  });

  it('takes the items of a request stream when its handler has begun', async () => {
    const peer = await scene.greeted(await scene.listen());
    peer.send(call({ number: 1, verb: place.upload }));
    expect(await nextCredit(peer)).to.deep.equal({ number: 1, received: 0, limit: 1_048_576 });
    peer.send(item({ number: 1, item: 1, value: 'a' }), item({ number: 1, item: 2, value: 'b' }));
    peer.send(end(1, 2));
    expect(replied(await peer.nextOf(FrameType.reply))).to.deep.equal(['a', 'b']);
  });

  it('sends and takes items at the same time', async () => {
    const peer = await scene.greeted(await scene.listen());
    peer.send(call({ number: 1, verb: place.chat }), credit(1, 0, wide));
    await nextCredit(peer);
    for (const [at, word] of ['x', 'y'].entries()) {
      peer.send(item({ number: 1, item: at + 1, value: word }));
      expect(await nextItem(peer)).to.deep.equal([at + 1, `got ${word}`]);
    }
    peer.send(end(1, 2));
    expect((await peer.nextOf(FrameType.reply)).body.length).to.equal(7);
  });

  const givers: Readonly<Record<string, () => unknown>> = {
    'an array': () => ['a', 'b'],
    'a promise of a generator': async () =>
      (function* () {
        yield 'a';
        yield 'b';
      })(),
    'a Web stream': () =>
      new ReadableStream({
        start: (controller) => {
          controller.enqueue('a');
          controller.enqueue('b');
          controller.close();
        },
      }),
  };
  for (const [name, give] of Object.entries(givers)) {
    it(`sends the items of a handler that returns ${name}`, async () => {
      const peer = await scene.greeted(await scene.listen({ watch: give as Handlers['watch'] }));
      peer.send(call({ number: 1, verb: place.watch }), credit(1, 0, wide));
      expect(await nextItem(peer)).to.deep.equal([1, 'a']);
      expect(await nextItem(peer)).to.deep.equal([2, 'b']);
      expect((await peer.next()).type).to.equal(FrameType.reply);
    });
  }

  it('fails a call whose handler returns nothing to iterate', async () => {
    const peer = await scene.greeted(
      await scene.listen({ watch: (() => 7) as unknown as Handlers['watch'] }),
    );
    peer.send(call({ number: 1, verb: place.watch }), credit(1, 0, wide));
    const [, message] = listOf(await peer.nextOf(FrameType.error));
    expect(message).to.equal('Handler "watch" must give items to iterate, not 7');
  });

  it('B6: takes and sends no items before there is credit, and no more than that', async () => {
    const url = await scene.listen({
      watch: function* () {
        for (let number = 1; ; number++) {
          scene.note(number);
          yield Buffer.alloc(1_000);
        }
      },
    });
    const peer = await scene.greeted(url);
    peer.send(call({ number: 1, verb: place.watch }));
    await roundTrip(peer);
    expect(scene.noted).to.deep.equal([]);
    peer.send(credit(1, 0, 3_000));
    await scene.notes(3);
    await roundTrip(peer);
    expect(scene.noted.length).to.equal(3);
    expect(peer.frames.filter(({ type }) => type === FrameType.item).length).to.be.at.most(2);
  });

  it('sends the error of a handler behind the items before it, even if it refuses', async () => {
    const url = await scene.listen({
      watch: async function* (name) {
        yield 'first';
        throw name === 'refuse' ? refuse() : new Error('broken');
      },
    });
    const peer = await scene.greeted(url);
    for (const [at, name] of ['throw', 'refuse'].entries()) {
      const number = at + 1;
      peer.send(call({ number, verb: place.watch, value: name }), credit(number, 0, wide));
      expect(await nextItem(peer)).to.deep.equal([1, 'first']);
      expect((await peer.next()).type).to.equal(FrameType.error);
    }
  });

  it('refuses a call whose handler refuses before it has given an item', async () => {
    const url = await scene.listen({
      // biome-ignore lint/correctness/useYield: it refuses first
      watch: async function* () {
        throw refuse();
      },
    });
    const peer = await scene.greeted(url);
    peer.send(call({ number: 1, verb: place.watch }), credit(1, 0, wide));
    // That the handler has begun is said first.
    expect(creditIn(await peer.next())).to.deep.equal({ number: 1, received: 0, limit: 0 });
    expect((await peer.next()).type).to.equal(FrameType.refused);
  });

  it('refuses a stream to a client that does not take streams', async () => {
    const peer = await RawPeer.greeted(await scene.listen());
    peer.send(call({ number: 1, verb: place.upload }));
    const refusal = await peer.next();
    expect(refusal.type).to.equal(FrameType.refused);
    expect(listOf(refusal)[3]).to.equal(true);
  });

  it('S14: gives no credit for a call that it refuses', async () => {
    const peer = await scene.greeted(await scene.listen({}, { maxConcurrency: 1, maxQueue: 0 }));
    peer.send(call({ number: 1, verb: place.upload }), call({ number: 2, verb: place.upload }));
    expect((await nextCredit(peer)).number).to.equal(1);
    expect((await peer.next()).type).to.equal(FrameType.refused);
    await roundTrip(peer);
    expect(peer.frames).to.deep.equal([]);
  });

  it('S14: gives credit for a call that waited when its turn has come', async () => {
    const peer = await scene.greeted(await scene.listen({}, { maxConcurrency: 1, maxQueue: 1 }));
    peer.send(call({ number: 1, verb: place.upload }), call({ number: 2, verb: place.upload }));
    expect((await nextCredit(peer)).number).to.equal(1);
    await roundTrip(peer);
    expect(peer.frames).to.deep.equal([]);
    peer.send(end(1, 0));
    expect(replied(await peer.next())).to.deep.equal([]);
    expect((await nextCredit(peer)).number).to.equal(2);
  });

  it('closes the generator and aborts the signal when the client cancels', async () => {
    let signal: AbortSignal | undefined;
    const url = await scene.listen({
      watch: async function* (_, context) {
        signal = context.signal;
        try {
          for (;;) yield 'more';
        } finally {
          scene.note('closed');
        }
      },
    });
    const peer = await scene.greeted(url);
    peer.send(call({ number: 1, verb: place.watch }), credit(1, 0, 200));
    await nextItem(peer);
    peer.send(cancel(1));
    expect(await scene.notes(1)).to.deep.equal(['closed']);
    expect(signal?.aborted).to.equal(true);
    await roundTrip(peer);
    expect(peer.frames).to.deep.equal([]);
  });

  it('S16: never takes a cancelled request stream for one that has ended', async () => {
    const peer = await scene.greeted(await scene.listen());
    peer.send(call({ number: 1, verb: place.upload }));
    await nextCredit(peer);
    peer.send(item({ number: 1, item: 1, value: 'a' }));
    await scene.notes(1);
    peer.send(cancel(1));
    expect(await scene.notes(2)).to.deep.equal([
      'a',
      'failed: Call "upload" was cancelled by its caller',
    ]);
  });

  it('gives a handler its items once only', async () => {
    const url = await scene.listen({
      upload: async (_, { items }) => {
        for await (const _ of items) break;
        for await (const _ of items) scene.note('again');
      },
    });
    const peer = await scene.greeted(url);
    peer.send(call({ number: 1, verb: place.upload }));
    await nextCredit(peer);
    peer.send(item({ number: 1, item: 1, value: 'a' }));
    const [, message] = listOf(await peer.nextOf(FrameType.error));
    expect(message).to.contain('only once');
    expect(scene.noted).to.deep.equal([]);
  });

  it('answers before the request stream has ended, and ignores what still comes', async () => {
    const peer = await scene.greeted(await scene.listen({ upload: () => 'enough' }));
    peer.send(call({ number: 1, verb: place.upload }));
    await nextCredit(peer);
    peer.send(item({ number: 1, item: 1, value: 'a' }), end(1, 1));
    expect(replied(await peer.nextOf(FrameType.reply))).to.equal('enough');
    await roundTrip(peer);
  });

  it('sends a large item in parts, and a small answer in between', async () => {
    const url = await scene.listen({
      watch: () => [Buffer.alloc(400_000, 1), Buffer.alloc(400_000, 2)],
    });
    const peer = await scene.greeted(url);
    peer.socket.pause();
    peer.send(call({ number: 1, verb: place.watch }), credit(1, 0, wide));
    peer.send(call({ number: 2, verb: place.echo, value: 'small' }));
    peer.socket.resume();
    const order: string[] = [];
    for (let frames = 0; frames < 16; frames++) {
      const { type, body } = await peer.next();
      order.push(type === FrameType.item ? `item ${body.length - 13}` : 'answer');
    }
    expect(order.filter((each) => each === 'item 65536').length).to.equal(12);
    expect(order.indexOf('answer')).to.be.below(5);
  });

  it('counts a stream as a call of its route', async () => {
    const peer = await scene.greeted(await scene.listen());
    peer.send(call({ number: 1, verb: place.watch }), credit(1, 0, wide));
    await peer.nextOf(FrameType.reply);
    const route = scene.server?.routes().find(({ verb }) => verb === 'watch');
    expect([route?.effectiveSuccess, route?.actualSuccess]).to.deep.equal([1, 1]);
  });
});
