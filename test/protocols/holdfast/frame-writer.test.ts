import { expect } from 'chai';
import { HoldfastError } from '../../../lib/errors.ts';
import { FrameWriter } from '../../../lib/protocols/holdfast/frame-writer.ts';
import { ValueForm } from '../../../lib/protocols/holdfast/frames.ts';
import { unpackValue } from '../../../lib/protocols/holdfast/values.ts';

const maxFrameBytes = 64 * 1_024 * 1_024;
const headerBytes = 12;

/** A frame as it stood in the writer, uncopied. */
interface Written {
  readonly form: ValueForm;
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  readonly body: Uint8Array | undefined;
  readonly value: unknown;
}

function write(writer: FrameWriter, value: unknown, header = headerBytes): Written {
  const form = writer.encode(header, value, maxFrameBytes);
  const { buffer, start, end, body } = writer;
  return { form, buffer, start, end, body, value };
}

function decode({ form, buffer, start, end, body }: Written, header = headerBytes): unknown {
  if (body !== undefined) return unpackValue(form, Buffer.from(body), 0, body.byteLength, false);
  return unpackValue(form, buffer, start + header, end, false);
}

function expectWhole(written: Written, header = headerBytes): void {
  const { buffer, start, end, body } = written;
  const length = buffer.readUInt32BE(start);
  expect(length).to.equal(end - start + (body?.byteLength ?? 0) - 4);
  expect(decode(written, header)).to.deep.equal(written.value);
}

describe('FrameWriter', () => {
  it('puts small frames one behind the other, without gaps', () => {
    const writer = new FrameWriter();
    const values = [
      undefined,
      1,
      'text',
      { a: [1, 2] },
      Buffer.from('bytes'),
      null,
      'x'.repeat(99),
    ];
    const written = values.map((value) => write(writer, value));
    for (const [index, frame] of written.entries()) {
      expectWhole(frame);
      const next = written[index + 1];
      if (next === undefined) continue;
      expect(next.buffer).to.equal(frame.buffer);
      expect(next.start).to.equal(frame.end);
    }
  });

  it('tells the form in which the value travels', () => {
    const writer = new FrameWriter();
    expect(write(writer, undefined).form).to.equal(ValueForm.none);
    expect(write(writer, new Uint8Array(2)).form).to.equal(ValueForm.bytes);
    expect(write(writer, Buffer.alloc(5_000)).form).to.equal(ValueForm.bytes);
    for (const value of [null, 0, '', [], {}, [undefined], new Float64Array(0).buffer]) {
      expect(write(writer, value).form).to.equal(ValueForm.msgpack);
    }
  });

  it('takes new memory when a slab is full, and never writes to the old one again', () => {
    const writer = new FrameWriter();
    const written: Written[] = [];
    for (let index = 0; index < 3_000; index++) {
      const value =
        index % 3 === 0 ? Buffer.alloc(index % 4_096, index) : `${index}`.repeat(index % 200);
      written.push(write(writer, value));
    }
    expect(new Set(written.map(({ buffer }) => buffer)).size).to.be.greaterThan(10);
    for (const frame of written) expectWhole(frame);
  });

  it('encodes values that are larger than a slab, and small ones behind them', () => {
    const writer = new FrameWriter();
    const written: Written[] = [];
    for (const size of [10, 9_000, 16_000, 17_000, 66_000, 200_000, 5, 3_000_000, 10, 60_000, 1]) {
      written.push(write(writer, { text: 'x'.repeat(size) }));
      written.push(
        write(
          writer,
          Array.from({ length: Math.ceil(size / 10) }, () => 'element'),
        ),
      );
    }
    for (const frame of written) expectWhole(frame);
  });

  it('keeps no more memory for a large value than the value has', () => {
    const writer = new FrameWriter();
    for (const size of [20_000, 100_000, 1_000_000]) {
      write(writer, 1);
      const { buffer, start, end } = write(writer, 'x'.repeat(size));
      expect(buffer.buffer.byteLength).to.be.at.most(Math.max(64 * 1_024, end - start));
    }
  });

  it('copies short bytes and leaves long ones where they are', () => {
    const writer = new FrameWriter();
    for (const length of [0, 1, 4_095, 4_096]) {
      const bytes = Buffer.alloc(length, 7);
      const frame = write(writer, bytes);
      expect(frame.body).to.equal(undefined);
      expectWhole(frame);
    }
    for (const length of [4_097, 100_000]) {
      const bytes = new Uint8Array(length).fill(7);
      const frame = write(writer, bytes);
      expect(frame.body).to.equal(bytes);
      expect(frame.end - frame.start).to.equal(headerBytes);
      expect(frame.buffer.readUInt32BE(frame.start)).to.equal(headerBytes - 4 + length);
      const behind = write(writer, 'behind');
      expect(behind.body).to.equal(undefined);
      expect(behind.start).to.equal(frame.end);
    }
  });

  it('refuses frames beyond the limit and keeps nothing of them', () => {
    const writer = new FrameWriter();
    const limit = 1_024;
    const before = write(writer, 'before');
    const inHex = before.buffer.toString('hex', before.start, before.end);
    for (const make of [
      (bytes: number) => 'x'.repeat(bytes - headerBytes - 3),
      (bytes: number) => Buffer.alloc(bytes - headerBytes),
      (bytes: number) => ({ a: 'x'.repeat(bytes - headerBytes - 6) }),
    ]) {
      writer.encode(headerBytes, make(limit), limit);
      const { end } = writer;
      for (const beyond of [limit + 1, 200_000]) {
        expect(() => writer.encode(headerBytes, make(beyond), limit))
          .to.throw(HoldfastError, `maxFrameBytes (${limit})`)
          .that.includes({ code: 'ERR_HOLDFAST_FRAME_TOO_LARGE', final: true });
      }
      expect(write(writer, 'behind').start).to.equal(end);
    }
    expect(before.buffer.toString('hex', before.start, before.end)).to.equal(inHex);
  });

  it('keeps room for headers of every length, at every place of a slab', () => {
    const writer = new FrameWriter();
    const written: [Written, number][] = [];
    for (let header = 5; header <= 300; header++) {
      for (const value of [
        'short',
        { some: ['value'] },
        Buffer.from('b'),
        'x'.repeat(header * 7),
      ]) {
        const frame = write(writer, value, header);
        frame.buffer.fill(0xee, frame.start + 4, frame.start + header);
        written.push([frame, header]);
      }
    }
    for (const [frame, header] of written) expectWhole(frame, header);
  });

  it('uses memory again when all of its frames were given back, and not before', () => {
    const writer = new FrameWriter();
    const [first, second, third] = ['one', 'two', { three: 3 }].map((value) =>
      write(writer, value),
    ) as [Written, Written, Written];
    writer.giveBack(first.buffer, 2);
    const fourth = write(writer, 'four');
    expect(fourth.start).to.equal(third.end);
    for (const frame of [first, second, third, fourth]) expectWhole(frame);
    writer.giveBack(first.buffer, 2);
    const fifth = write(writer, 'five');
    expect(fifth.buffer).to.equal(first.buffer);
    expect(fifth.start).to.equal(first.start);
    expectWhole(fifth);
  });

  it('does not use memory again that a frame of its own, or of an earlier slab, was in', () => {
    const writer = new FrameWriter();
    const first = write(writer, 'first');
    const own = write(writer, { long: 'x'.repeat(100_000) });
    expect([first, own].map(({ buffer }) => buffer === first.buffer)).to.deep.equal([true, false]);
    writer.giveBack(own.buffer, 1);
    expect(write(writer, 'second').start).to.equal(first.end);
    let last = write(writer, 'third');
    while (last.buffer === first.buffer) last = write(writer, 'y'.repeat(1_000));
    writer.giveBack(first.buffer, 1_000);
    expect(write(writer, 'fourth').start).to.equal(last.end);
    expectWhole(first);
    expectWhole(last);
  });
});
