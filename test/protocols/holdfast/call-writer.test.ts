import { expect } from 'chai';
import { HoldfastError } from '../../../lib/errors.ts';
import { HoldfastCallWriter } from '../../../lib/protocols/holdfast/call-writer.ts';
import { HoldfastServerWire } from '../../../lib/protocols/holdfast/server-wire.ts';
import { type NotedCall, ServerRecorder } from './sinks.ts';
import { vector } from './vectors.ts';

const maxFrameBytes = 16 * 1_024 * 1_024;

/** The frame that stands in the writer, as it goes out. */
function bytesOf(writer: HoldfastCallWriter): Buffer {
  const { buffer, start, end, body } = writer;
  return Buffer.concat([buffer.subarray(start, end), body ?? Buffer.alloc(0)]);
}

/** How a server understands these frames. */
function arrive(frames: readonly Buffer[]): readonly NotedCall[] {
  const sink = new ServerRecorder();
  const wire = new HoldfastServerWire(sink, maxFrameBytes);
  wire.receive(Buffer.concat([vector('client greeting'), ...frames]));
  return sink.events.slice(1).map(([, call]) => call as NotedCall);
}

describe('HoldfastCallWriter', () => {
  it('writes keys of every length in front of values of every form', () => {
    const writer = new HoldfastCallWriter();
    const frames: Buffer[] = [];
    const expected: NotedCall[] = [];
    const values = [undefined, 'text', { a: 1 }, Buffer.from('bytes'), Buffer.alloc(5_000, 1)];
    let number = 0;
    for (let length = 1; length <= 255; length++) {
      for (const value of values) {
        number++;
        const key = 'k'.repeat(length);
        writer.write(number, 'verb', key, value, maxFrameBytes);
        writer.stamp(writer, 3, 1, 100);
        frames.push(bytesOf(writer));
        expected.push({ number, verbIndex: 3, attempt: 1, remainingMs: 100, key, value });
      }
    }
    expect(arrive(frames)).to.deep.equal(expected);
  });

  it('counts the length of a key in bytes of UTF-8', () => {
    const writer = new HoldfastCallWriter();
    const longest = '🦊'.repeat(63);
    writer.write(1, 'verb', longest, 'v', maxFrameBytes);
    writer.stamp(writer, 0, 1, 1);
    expect(arrive([bytesOf(writer)])[0]?.key).to.equal(longest);
    for (const key of ['', '🦊'.repeat(64), 'k'.repeat(256)]) {
      expect(() => writer.write(2, 'verb', key, 'v', maxFrameBytes))
        .to.throw(HoldfastError, 'key')
        .with.property('code', 'ERR_HOLDFAST_OPTION');
    }
  });

  it('takes no key that UTF-8 cannot tell from another', () => {
    const writer = new HoldfastCallWriter();
    for (const key of ['\ud800', 'a\udc00b', '\udc00\ud800']) {
      expect(() => writer.write(1, 'verb', key, 'v', maxFrameBytes))
        .to.throw(HoldfastError, 'surrogate')
        .with.property('code', 'ERR_HOLDFAST_OPTION');
    }
    writer.write(1, 'verb', '\ud83e\udd8a', 'v', maxFrameBytes);
  });

  it('writes numbers of 48 bits', () => {
    const writer = new HoldfastCallWriter();
    const numbers = [1, 255, 256, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 47, 2 ** 48 - 1];
    const frames = numbers.map((number) => {
      writer.write(number, 'verb', undefined, null, maxFrameBytes);
      writer.stamp(writer, 0, 1, 1);
      return bytesOf(writer);
    });
    expect(arrive(frames).map(({ number }) => number)).to.deep.equal(numbers);
  });

  it('rounds the time left up, and bounds it', () => {
    const writer = new HoldfastCallWriter();
    const cases: readonly [given: number, written: number][] = [
      [0, 0],
      [-0.5, 0],
      [-30, 0],
      [0.001, 1],
      [1.5, 2],
      [29_999.99, 30_000],
      [2 ** 32 - 2, 2 ** 32 - 2],
      [2 ** 32 + 5, 0xffff_ffff],
      [Number.POSITIVE_INFINITY, 0xffff_ffff],
    ];
    for (const [given, written] of cases) {
      writer.write(1, 'verb', undefined, null, maxFrameBytes);
      writer.stamp(writer, 0, 1, given);
      expect(arrive([bytesOf(writer)])[0]?.remainingMs, `${given} ms`).to.equal(written);
    }
  });

  it('bounds the attempt, and stamps an attempt over the one before', () => {
    const writer = new HoldfastCallWriter();
    writer.write(1, 'verb', 'key', { v: 1 }, maxFrameBytes);
    const frames: Buffer[] = [];
    for (const attempt of [1, 2, 254, 255, 256, 1_000]) {
      writer.stamp(writer, attempt, attempt, attempt * 10);
      frames.push(bytesOf(writer));
    }
    const calls = arrive(frames);
    expect(calls.map(({ attempt }) => attempt)).to.deep.equal([1, 2, 254, 255, 255, 255]);
    expect(calls.map(({ verbIndex }) => verbIndex)).to.deep.equal([1, 2, 254, 255, 256, 1_000]);
    expect(calls.map(({ remainingMs }) => remainingMs)[5]).to.equal(10_000);
    expect(calls.every(({ key, value }) => key === 'key' && (value as { v: 1 }).v === 1)).to.equal(
      true,
    );
  });
});
