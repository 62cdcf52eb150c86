import { expect } from 'chai';
import type { HoldfastError } from '../../lib/errors.ts';
import { holdfastProtocol } from '../../lib/protocols/holdfast/index.ts';
import type { StreamCodec } from '../../lib/protocols/protocol.ts';
import { StreamSender } from '../../lib/streams/stream-sender.ts';
import { seededRandom } from '../../lib/testing/index.ts';
import { Journey, maxItemBytes } from './journey.ts';
import { Road } from './road.ts';

describe('a stream', () => {
  for (let seed = 1; seed <= 60; seed++) {
    it(`arrives whole and in order, whatever is cut and delayed (seed ${seed})`, async () => {
      const journey = new Journey(seed);
      await journey.run();
      expect(journey.road.broken).to.deep.equal([]);
      expect(journey.taken.length).to.equal(journey.count);
      expect(journey.taken).to.deep.equal(journey.sent);
      expect(journey.mostBuffered).to.be.below(journey.maxBufferedBytes + maxItemBytes);
      journey.road.settle();
      expect(journey.road.sender.isAcknowledged).to.equal(true);
    });
  }

  for (const windowBytes of [131_072, 200_000, 1_048_576]) {
    it(`goes on with the credit that is due alone, whatever the sizes are (${windowBytes})`, async () => {
      const random = seededRandom(windowBytes);
      const road = new Road({ windowBytes });
      road.connect();
      for (let place = 1; place <= 100; place++) {
        road.settle();
        while (!road.sender.wantsMore) {
          // What keeps the sender waiting is there to be taken.
          expect(road.receiver.received, `item ${place}`).to.be.above(road.receiver.delivered);
          await road.receiver.next();
          road.settle();
        }
        road.sender.push(Buffer.alloc(Math.floor(random() ** 4 * 3_000_000), place));
      }
      road.end();
      let taken = road.receiver.delivered;
      for (road.settle(); !(await road.receiver.next()).done; road.settle()) taken++;
      expect(taken).to.equal(100);
    });
  }
});

describe('a sender', () => {
  it('wants nothing and sends nothing before there is credit', () => {
    const road = new Road();
    expect([road.sender.wantsMore, road.sender.hasNext]).to.deep.equal([false, false]);
    road.connect();
    road.arriveBack();
    expect([road.sender.wantsMore, road.sender.hasNext]).to.deep.equal([true, false]);
  });

  it('wants no more than the window and one item, and keeps it until it is acknowledged', () => {
    const road = new Road({ windowBytes: 200_000 });
    road.connect();
    road.arriveBack();
    let pushed = 0;
    while (road.sender.wantsMore) {
      road.sender.push(Buffer.alloc(60_000));
      pushed++;
    }
    expect(pushed).to.equal(4);
    expect(road.sender.bufferedBytes).to.equal(4 * 60_032);
    road.settle();
    expect(road.receiver.received).to.equal(3);
    expect(road.sender.unacknowledged).to.equal(1);
  });

  it('sends a large item in parts, and none of them is longer than 64 KiB', () => {
    const road = new Road();
    road.connect();
    road.arriveBack();
    road.sender.push(Buffer.alloc(200_000));
    const sizes: number[] = [];
    while (road.sender.hasNext) {
      const before = road.there.byteLength;
      road.send();
      sizes.push(road.there.byteLength - before);
    }
    expect(sizes).to.deep.equal([65_554, 65_554, 65_554, 3_410]);
  });

  it('sends no part that is larger than what the far side takes, and refuses a larger item', () => {
    const road = new Road({ maxFrameBytes: 10_000 });
    road.connect();
    road.arriveBack();
    road.sender.push(Buffer.alloc(9_982));
    expect(() => road.sender.push(Buffer.alloc(9_983)))
      .to.throw()
      .with.property('code', 'ERR_HOLDFAST_FRAME_TOO_LARGE');
    expect(road.sender.pushed).to.equal(1);
    expect(road.sender.fits(10_000)).to.equal(true);
    expect(road.sender.fits(9_999)).to.equal(false);
    road.settle();
    expect(road.receiver.received).to.equal(1);
  });

  it('sends the end behind the last item, and again on the next link', () => {
    const road = new Road();
    road.connect();
    road.arriveBack();
    road.sender.push('a');
    road.end();
    while (road.sender.hasNext) road.send();
    expect(road.sender.isThrough).to.equal(true);
    expect(road.receiver.isOver).to.equal(false);
    road.cut();
    expect(road.sender.isThrough).to.equal(false);
    road.connect();
    road.settle();
    expect([road.receiver.isOver, road.sender.isAcknowledged]).to.deep.equal([true, true]);
    road.cut();
    road.connect();
    road.settle();
    expect([road.receiver.received, road.sender.isAcknowledged]).to.deep.equal([1, true]);
  });

  it('begins again from the first item as long as none is acknowledged', async () => {
    const road = new Road();
    road.connect();
    road.arriveBack();
    road.sender.push('a');
    road.sender.push('b');
    while (road.sender.hasNext) road.send();
    road.cut();
    expect(road.sender.isRewindable).to.equal(true);
    road.sender.rewind();
    expect(() => road.sender.onCredit(1, 1_000_000)).to.throw('1 items are acknowledged of 0');
    road.connect();
    road.end();
    road.settle();
    expect(road.sender.isRewindable).to.equal(false);
    expect((await road.receiver.next()).value).to.equal('a');
  });

  it('begins again also behind that, if it is kept for it, until it is too much', () => {
    const codec = holdfastProtocol.streamCodec?.() as StreamCodec;
    const limits = { maxFrameBytes: 1_000_000, maxBufferedBytes: 1_000, isRewound: true };
    const sender = new StreamSender(1, codec, limits);
    const sent: number[] = [];
    const target = { push: (_: Uint8Array, start: number, end: number) => sent.push(end - start) };
    sender.onCredit(0, 10_000);
    for (let item = 1; item <= 10; item++) {
      sender.push(Buffer.alloc(50, item));
      while (sender.hasNext) sender.writeNext(target);
      sender.onCredit(item, 10_000);
      expect(sender.bufferedBytes).to.equal(0);
    }
    expect(sender.isRewindable).to.equal(true);
    sender.rewind();
    expect([sender.acknowledged, sender.bufferedBytes]).to.deep.equal([0, 820]);
    sender.onCredit(0, 10_000);
    sent.length = 0;
    while (sender.hasNext) sender.writeNext(target);
    expect(sent.reduce((sum, bytes) => sum + bytes)).to.equal(10 * (50 + codec.headerBytes));
    sender.onCredit(10, 10_000);
    for (let more = 0; more < 3; more++) sender.push(Buffer.alloc(50));
    expect(sender.isRewindable).to.equal(false);
    expect(sender.unacknowledged).to.equal(3);
    while (sender.hasNext) sender.writeNext(target);
    sender.onCredit(13, 10_000);
    expect(sender.bufferedBytes).to.equal(0);
  });

  const wrong: readonly [what: string, received: number, limit: number][] = [
    ['an item that was not sent', 2, 1_000_000],
    ['fewer items than before', 0, 1_000_000],
    ['a smaller limit', 1, 999_999],
  ];
  for (const [what, received, limit] of wrong) {
    it(`takes no credit with ${what}`, () => {
      const { sender, there } = new Road();
      sender.onCredit(0, 1_000_000);
      sender.push('a');
      sender.push('b');
      sender.writeNext(there);
      sender.onCredit(1, 1_000_000);
      expect(() => sender.onCredit(received, limit))
        .to.throw()
        .with.property('code', 'ERR_HOLDFAST_PROTOCOL');
    });
  }

  it('takes a smaller limit on a new link', () => {
    const { sender } = new Road();
    sender.onCredit(0, 1_000_000);
    sender.detach();
    sender.onCredit(0, 200_000);
    expect(sender.wantsMore).to.equal(true);
  });
});

describe('a receiver', () => {
  const part = {
    number: 1,
    item: 1,
    form: 2,
    isLast: true,
    buffer: Buffer.alloc(200_000),
    start: 0,
    end: 100,
    owned: false,
  };

  function greeted(): Road {
    const road = new Road({ windowBytes: 131_072, maxFrameBytes: 100_000 });
    road.connect();
    return road;
  }

  const wrong: readonly [what: string, ...parts: (Partial<typeof part> | 'end')[]][] = [
    ['an item that leaves one out', { item: 2 }],
    ['an item twice', {}, {}],
    ['an item behind the end', 'end', {}],
    ['a part that is empty and not the last', { isLast: false, end: 0 }],
    ['parts of two forms', { isLast: false }, { form: 1 }],
    ['a part of another item', { isLast: false }, { item: 2 }],
    ['an end in the midst of an item', { isLast: false }, 'end'],
    ['an item larger than a message', { end: 99_983 }],
    ['an item larger than a message in parts', { isLast: false, end: 60_000 }, { end: 60_000 }],
    ['items beyond the limit', { end: 70_000 }, { item: 2, end: 70_000 }],
  ];
  for (const [what, ...parts] of wrong) {
    it(`does not take ${what}`, () => {
      const { receiver } = greeted();
      const last = parts.pop();
      const give = (given: Partial<typeof part> | 'end' | undefined): void => {
        if (given === 'end') receiver.end(0);
        else receiver.onItem({ ...part, ...given });
      };
      for (const given of parts) give(given);
      const code = what.includes('larger')
        ? 'ERR_HOLDFAST_FRAME_TOO_LARGE'
        : 'ERR_HOLDFAST_PROTOCOL';
      expect(() => give(last))
        .to.throw()
        .with.property('code', code);
    });
  }

  it('does not take an item before it has said what it takes on this link', () => {
    const road = greeted();
    road.receiver.onItem(part);
    road.cut();
    expect(() => road.receiver.onItem({ ...part, item: 2 })).to.throw('before any CREDIT');
  });

  it('does not take an end with another count', () => {
    const { receiver } = greeted();
    receiver.onItem(part);
    expect(() => receiver.end(2)).to.throw('ended after 2, and 1 came');
  });

  it('widens its window for an item that is larger, if there is room, and gives that back', async () => {
    const grown: number[] = [];
    const road = new Road(
      { windowBytes: 131_072 },
      {
        grow: (bytes) => {
          grown.push(bytes);
          return true;
        },
        shrink: (bytes) => grown.push(-bytes),
      },
    );
    road.connect();
    road.arriveBack();
    road.sender.push(Buffer.alloc(500_000, 7));
    road.settle();
    expect(grown).to.deep.equal([131_072, 131_072, 131_072, 131_072]);
    const { value } = await road.receiver.next();
    expect(Buffer.from(value as Uint8Array).equals(Buffer.alloc(500_000, 7))).to.equal(true);
    expect(grown.reduce((sum, bytes) => sum + bytes, 0)).to.equal(0);
  });

  it('fails when there is no room for an item that is larger than its window', async () => {
    const road = new Road({ windowBytes: 131_072 }, { grow: () => false });
    road.connect();
    road.arriveBack();
    road.sender.push('first');
    road.sender.push(Buffer.alloc(500_000));
    road.settle();
    expect((await road.receiver.next()).value).to.equal('first');
    road.settle();
    expect(road.broken.map((error) => (error as HoldfastError).code)).to.deep.equal([
      'ERR_HOLDFAST_INCOMING_FULL',
    ]);
    const failure = await road.receiver.next().catch((error: unknown) => error);
    expect(failure).to.equal(road.broken[0]);
  });

  it('fails with an item that cannot be decoded, behind those before it', async () => {
    const road = greeted();
    road.receiver.onItem(part);
    road.receiver.onItem({ ...part, item: 2, form: 9 });
    road.receiver.onItem({ ...part, item: 3 });
    expect((await road.receiver.next()).done).to.equal(false);
    const failure = await road.receiver.next().catch((error: unknown) => error);
    expect((failure as HoldfastError).code).to.equal('ERR_HOLDFAST_DECODE');
    expect(road.broken).to.deep.equal([failure]);
    expect(await road.receiver.next()).to.deep.equal({ done: true, value: undefined });
  });

  it('gives what came and then the error, once; or nothing but the error', async () => {
    const failed = greeted().receiver;
    failed.onItem(part);
    failed.fail(new Error('lost'));
    expect((await failed.next()).done).to.equal(false);
    expect(await failed.next().catch(({ message }: Error) => message)).to.equal('lost');
    expect((await failed.next()).done).to.equal(true);
    const aborted = greeted().receiver;
    aborted.onItem(part);
    aborted.abort(new Error('aborted'));
    expect(await aborted.next().catch(({ message }: Error) => message)).to.equal('aborted');
  });

  it('never ends normally when it is aborted before its end was taken', async () => {
    for (const items of [0, 2]) {
      const { receiver } = greeted();
      for (let item = 1; item <= items; item++) receiver.onItem({ ...part, item });
      receiver.end(items);
      receiver.abort(new Error('aborted'));
      expect(await receiver.next().catch(({ message }: Error) => message)).to.equal('aborted');
      expect((await receiver.next()).done).to.equal(true);
    }
  });

  it('answers those that wait, in order', async () => {
    const { receiver } = greeted();
    const results = [receiver.next(), receiver.next(), receiver.next()];
    receiver.onItem({ ...part, end: 1 });
    receiver.onItem({ ...part, item: 2, end: 2 });
    receiver.end();
    const sizes = (await Promise.all(results)).map(({ value }) => (value as Buffer)?.length);
    expect(sizes).to.deep.equal([1, 2, undefined]);
  });

  it('says once that nobody wants more', async () => {
    const road = greeted();
    road.receiver.onItem(part);
    for await (const _ of road.receiver) break;
    await road.receiver.return();
    expect(road.returned).to.equal(1);
    road.receiver.onItem({ ...part, item: 7 });
    expect((await road.receiver.next()).done).to.equal(true);
  });

  it('says nothing when nobody wants more of a stream that has ended', async () => {
    const road = greeted();
    road.receiver.onItem(part);
    road.receiver.end();
    await road.receiver.return();
    expect(road.returned).to.equal(0);
  });

  it('has its last word when the stream has ended', () => {
    const road = greeted();
    road.receiver.onItem(part);
    expect(road.isDue).to.equal(false);
    road.receiver.end(1);
    expect(road.isDue).to.equal(true);
    road.credit();
    expect(road.receiver.isDue).to.equal(false);
  });
});
