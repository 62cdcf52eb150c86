import { expect } from 'chai';
import { Outbox, writeBytes } from '../../lib/link/outbox.ts';
import { seededRandom } from '../../lib/testing/index.ts';
import { collectGarbage } from '../support/garbage.ts';
import { ScriptedChannel } from '../support/scripted-channel.ts';

interface Made {
  readonly channel: ScriptedChannel;
  readonly outbox: Outbox;
  /** How often the outbox has told that it is empty. */
  readonly empties: () => number;
}

/** One whose messages are judged, or one of answers, which are not. */
function setUp(isJudged = true, isThrough = false): Made {
  const channel = new ScriptedChannel(isThrough);
  let empties = 0;
  const outbox = new Outbox(channel, isJudged, () => {
    empties++;
  });
  return { channel, outbox, empties: () => empties };
}

type Interval = readonly [start: number, end: number];

/** What the outbox must say of each message when so many bytes were given to the channel. */
function expectJudged(
  outbox: Outbox,
  sent: readonly Interval[],
  givenBytes: number,
  hasFailed: boolean,
): void {
  for (const [start, end] of sent) {
    const isLastOfFailed = hasFailed && end === givenBytes;
    const isGiven = end <= givenBytes && !isLastOfFailed;
    const expected = isGiven ? 'handed-over' : 'incomplete';
    expect(outbox.judge(start, end)).to.equal(start >= givenBytes ? 'untouched' : expected);
  }
}

/** Pushes a message; gives its interval. */
function push(outbox: Outbox, message: Buffer): Interval {
  const start = outbox.end;
  outbox.pushAll(message);
  return [start, outbox.end];
}

/** Messages that differ, of these lengths. */
function messages(...lengths: number[]): Buffer[] {
  return lengths.map((length, index) => Buffer.alloc(length, index + 1));
}

/** Pushes, flushes and takes at random; at the end all is through, or a write has failed. */
function runAtRandom(random: () => number, mayFail: boolean): void {
  const below = (bound: number): number => Math.floor(random() * bound);
  const { channel, outbox } = setUp();
  const sent: Interval[] = [];
  const all: Buffer[] = [];
  for (let step = 0; step < 60; step++) {
    const message = Buffer.alloc(below(10) === 0 ? below(200_000) + 1 : below(3_000) + 1, step);
    sent.push(push(outbox, message));
    all.push(message);
    if (below(3) > 0) outbox.flush();
    if (channel.isWriting && below(2) > 0) channel.take();
    expectJudged(outbox, sent, channel.bytes.length, false);
  }
  outbox.flush();
  const hasFailed = mayFail && channel.isWriting;
  if (hasFailed) channel.take(false);
  while (channel.isWriting) channel.take();
  expectJudged(outbox, sent, channel.bytes.length, hasFailed);
  const { bytes } = channel;
  expect(bytes.equals(Buffer.concat(all).subarray(0, bytes.length))).to.equal(true);
  expect(bytes.length === outbox.end || hasFailed).to.equal(true);
}

describe('Outbox', () => {
  it('writes nothing before it is flushed, and nothing when nothing waits', () => {
    const { channel, outbox, empties } = setUp();
    outbox.flush();
    push(outbox, Buffer.from('abc'));
    expect(channel.writes).to.deep.equal([]);
    expect(outbox.backlogBytes).to.equal(3);
    outbox.flush();
    expect(channel.bytes.toString()).to.equal('abc');
    channel.take();
    outbox.flush();
    expect(channel.writes.length).to.equal(1);
    expect(empties()).to.equal(1);
  });

  it('sends what is ready together as one write, and adjacent frames as one part of it', () => {
    const { channel, outbox } = setUp();
    const slab = Buffer.from('0123456789');
    outbox.push(slab, 0, 4);
    outbox.push(slab, 4, 6);
    outbox.push(slab, 7, 9);
    outbox.pushAll(Buffer.from('xyz'));
    outbox.flush();
    expect(channel.bytes.toString()).to.equal('01234578xyz');
    expect(channel.parts).to.deep.equal([3]);
  });

  it('has one write outstanding, and goes on by itself when that is through', () => {
    const { channel, outbox, empties } = setUp();
    push(outbox, Buffer.from('first'));
    outbox.flush();
    for (const word of ['second', 'third', 'fourth']) {
      push(outbox, Buffer.from(word));
      outbox.flush();
    }
    expect(outbox.writing).to.equal(true);
    expect(channel.writes.length).to.equal(1);
    expect(outbox.writtenBytes).to.equal(0);
    channel.take();
    expect(channel.writes[1]?.toString()).to.equal('secondthirdfourth');
    expect(outbox.writtenBytes).to.equal(5);
    expect(outbox.backlogBytes).to.equal(17);
    expect(empties()).to.equal(0);
    channel.take();
    expect(empties()).to.equal(1);
    expect(outbox.writing).to.equal(false);
    expect(outbox.backlogBytes).to.equal(0);
    expect(outbox.writtenBytes).to.equal(outbox.end);
  });

  it('does not join a frame to memory that is being written already', () => {
    const { channel, outbox } = setUp();
    const slab = Buffer.from('0123456789');
    outbox.push(slab, 0, 4);
    outbox.flush();
    outbox.push(slab, 4, 8);
    channel.take();
    channel.take();
    expect(channel.writes.map(String)).to.deep.equal(['0123', '4567']);
  });

  it('sends long messages in pieces of 64 KiB, each when the one before is through', () => {
    const { channel, outbox } = setUp();
    const [small, long, last] = messages(10, 3 * writeBytes + 5, 20) as [Buffer, Buffer, Buffer];
    for (const message of [small, long, last]) push(outbox, message);
    outbox.flush();
    while (channel.isWriting) channel.take();
    expect(channel.writes.map(({ length }) => length)).to.deep.equal([
      writeBytes,
      writeBytes,
      writeBytes,
      35,
    ]);
    expect(channel.bytes.equals(Buffer.concat([small, long, last]))).to.equal(true);
  });

  it('judges a long message by how far it has come', () => {
    const { channel, outbox } = setUp();
    const [first, long, behind] = messages(10, 2 * writeBytes, 10).map((message) =>
      push(outbox, message),
    ) as [Interval, Interval, Interval];
    const judge = (): string[] =>
      [first, long, behind].map((interval) => outbox.judge(...interval));
    expect(judge()).to.deep.equal(['untouched', 'untouched', 'untouched']);
    outbox.flush();
    expect(judge()).to.deep.equal(['handed-over', 'incomplete', 'untouched']);
    channel.take();
    expect(judge()).to.deep.equal(['handed-over', 'incomplete', 'untouched']);
    channel.take();
    expect(judge()).to.deep.equal(['handed-over', 'handed-over', 'handed-over']);
  });

  it('makes only the last message of a failed write incomplete', () => {
    const { channel, outbox, empties } = setUp();
    const earlier = push(outbox, Buffer.from('earlier'));
    outbox.flush();
    channel.take();
    const together = ['one', 'two', 'three'].map((word) => push(outbox, Buffer.from(word)));
    outbox.flush();
    const waiting = push(outbox, Buffer.from('waiting'));
    channel.take(false);
    expect(outbox.judge(...earlier)).to.equal('handed-over');
    expect(together.map((interval) => outbox.judge(...interval))).to.deep.equal([
      'handed-over',
      'handed-over',
      'incomplete',
    ]);
    expect(outbox.judge(...waiting)).to.equal('untouched');
    outbox.flush();
    expect(channel.writes.length, 'nothing is written behind a failure').to.equal(2);
    expect(empties()).to.equal(1);
  });

  it('makes nothing but the piece under way incomplete when a long message fails', () => {
    const { channel, outbox } = setUp();
    const small = push(outbox, Buffer.alloc(100));
    const long = push(outbox, Buffer.alloc(3 * writeBytes));
    outbox.flush();
    channel.take();
    channel.take(false);
    expect(outbox.judge(...small)).to.equal('handed-over');
    expect(outbox.judge(...long)).to.equal('incomplete');
  });

  it('judges every message right at every moment of a long random run', () => {
    const random = seededRandom(5);
    for (let run = 0; run < 30; run++) runAtRandom(random, run % 2 === 1);
  });

  it('gives nothing to a channel that is known to be dead', () => {
    const { channel, outbox } = setUp();
    const waiting = push(outbox, Buffer.from('waiting'));
    channel.dead = true;
    outbox.flush();
    expect(channel.writes).to.deep.equal([]);
    expect(outbox.judge(...waiting)).to.equal('untouched');
  });

  it('gives nothing more to a channel that died while a write was outstanding', () => {
    const { channel, outbox } = setUp();
    const long = push(outbox, Buffer.alloc(2 * writeBytes));
    outbox.flush();
    channel.dead = true;
    channel.take();
    expect(channel.writes.length).to.equal(1);
    expect(outbox.judge(...long)).to.equal('incomplete');
  });

  it('ends its channel behind what waits', () => {
    const idle = setUp();
    idle.outbox.finish();
    expect(idle.channel.dead).to.equal(true);
    const { channel, outbox, empties } = setUp();
    const [first, second] = messages(10, 20) as [Buffer, Buffer];
    push(outbox, first);
    outbox.flush();
    push(outbox, second);
    outbox.finish();
    expect([channel.dead, channel.writes.length]).to.deep.equal([false, 1]);
    channel.take(true);
    expect([channel.dead, channel.writes.length]).to.deep.equal([false, 2]);
    channel.take(true);
    expect([channel.dead, empties()]).to.deep.equal([true, 0]);
  });

  it('writes nothing once it is closed, and still judges', () => {
    const { channel, outbox, empties } = setUp();
    const sent = push(outbox, Buffer.from('sent'));
    outbox.flush();
    const waiting = push(outbox, Buffer.from('waiting'));
    outbox.close();
    channel.take();
    outbox.flush();
    push(outbox, Buffer.from('more'));
    outbox.flush();
    expect(channel.writes.length).to.equal(1);
    expect(empties()).to.equal(0);
    expect(outbox.judge(...sent)).to.equal('handed-over');
    expect(outbox.judge(...waiting)).to.equal('untouched');
  });

  it('gives answers to a channel that takes several writes while others are outstanding', () => {
    const { channel, outbox, empties } = setUp(false, true);
    for (const word of ['first', 'second', 'third']) {
      push(outbox, Buffer.from(word));
      outbox.flush();
    }
    expect(channel.writes.map(String)).to.deep.equal(['first', 'second', 'third']);
    expect(outbox.backlogBytes).to.equal(16);
    channel.take();
    channel.take();
    expect(outbox.writtenBytes).to.equal(11);
    expect(outbox.writing).to.equal(true);
    expect(empties()).to.equal(0);
    channel.take();
    expect(outbox.writing).to.equal(false);
    expect(empties()).to.equal(1);
  });

  it('flushes early what is worth a write, more of it while others are outstanding', () => {
    const { channel, outbox } = setUp(false, true);
    push(outbox, Buffer.alloc(4 * 1024 - 1));
    expect(outbox.flushEarly()).to.equal(false);
    push(outbox, Buffer.alloc(1));
    expect(outbox.flushEarly()).to.equal(true);
    push(outbox, Buffer.alloc(16 * 1024 - 1));
    expect(outbox.flushEarly()).to.equal(false);
    push(outbox, Buffer.alloc(1));
    expect(outbox.flushEarly()).to.equal(true);
    expect(channel.writes.map(({ length }) => length)).to.deep.equal([4 * 1024, 16 * 1024]);
  });

  it('gives a channel ever more at a time, up to 256 KiB, until not all is through at once', () => {
    const { channel, outbox, empties } = setUp(false, true);
    const sizes = (): number[] => channel.writes.map(({ length }) => length / writeBytes);
    const long = Buffer.alloc(10 * writeBytes, 7);
    push(outbox, long);
    outbox.flush();
    expect(sizes()).to.deep.equal([1, 2, 4, 3]);
    channel.isThrough = false;
    push(outbox, long);
    outbox.flush();
    expect(sizes().length).to.equal(4);
    while (channel.isWriting) channel.take();
    // The first of them was as large as those before it that were through.
    expect(sizes().slice(4)).to.deep.equal([4, 1, 1, 1, 1, 1, 1]);
    expect(channel.bytes.equals(Buffer.concat([long, long]))).to.equal(true);
    expect(empties()).to.equal(1);
  });

  it('gives no more at a time because little was through at once', () => {
    const { channel, outbox } = setUp(false, true);
    for (let write = 0; write < 5; write++) {
      push(outbox, Buffer.alloc(100));
      outbox.flush();
    }
    push(outbox, Buffer.alloc(2 * writeBytes));
    outbox.flush();
    expect(channel.writes.slice(5).map(({ length }) => length)).to.deep.equal([
      writeBytes,
      writeBytes,
    ]);
  });

  it('has one write outstanding where it is not known what is through, whatever it sends', () => {
    const { channel, outbox } = setUp(false, false);
    push(outbox, Buffer.from('first'));
    outbox.flush();
    push(outbox, Buffer.from('second'));
    outbox.flush();
    expect(channel.writes.length).to.equal(1);
    channel.take();
    expect(channel.writes.length).to.equal(2);
  });

  it('has one write outstanding where messages are judged, although all is through', () => {
    const { channel, outbox } = setUp(true, true);
    push(outbox, Buffer.from('first'));
    outbox.flush();
    const second = push(outbox, Buffer.from('second'));
    outbox.flush();
    expect(channel.writes.length).to.equal(1);
    expect(outbox.judge(...second)).to.equal('untouched');
  });

  it('writes no answer behind a write that failed', () => {
    const { channel, outbox, empties } = setUp(false, true);
    push(outbox, Buffer.from('first'));
    outbox.flush();
    push(outbox, Buffer.from('second'));
    outbox.flush();
    channel.take(false);
    push(outbox, Buffer.from('third'));
    outbox.flush();
    channel.take(false);
    outbox.flush();
    expect(channel.writes.map(String)).to.deep.equal(['first', 'second']);
    expect(empties()).to.equal(0);
  });

  it('lets go of what is through, also when it is never empty', async () => {
    const { channel, outbox } = setUp();
    const sent: WeakRef<Buffer>[] = [];
    const pushNext = (): void => {
      const message = Buffer.allocUnsafeSlow(writeBytes);
      sent.push(new WeakRef(message));
      outbox.pushAll(message);
    };
    for (let ahead = 0; ahead < 3; ahead++) pushNext();
    for (let round = 0; round < 200; round++) {
      pushNext();
      outbox.flush();
      channel.take();
      channel.writes.length = 0;
    }
    await collectGarbage();
    const held = sent.filter((message) => message.deref() !== undefined).length;
    expect(outbox.backlogBytes).to.be.above(0);
    expect(held).to.be.below(20);
  });
});
