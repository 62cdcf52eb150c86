import { expect } from 'chai';
import { FrameDecoder, type FrameSink } from '../../../lib/protocols/holdfast/frame-decoder.ts';
import { preamble } from '../../../lib/protocols/holdfast/frames.ts';
import { seededRandom } from '../../../lib/testing/index.ts';

const mebibyte = 1_024 * 1_024;
const maxFrameBytes = 1_024 * mebibyte;

/** Bytes that differ from offset to offset. */
function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = seed;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

function frame(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length + 1);
  head[4] = type;
  return Buffer.concat([head, body]);
}

/** Keeps frames without copying them, as an owner of the memory may. */
class Keeper implements FrameSink {
  readonly kept: { readonly body: Buffer; readonly owned: boolean }[] = [];

  onFrame(_type: number, buffer: Buffer, start: number, end: number, owned: boolean): void {
    const body = buffer.subarray(start, end);
    this.kept.push({ body: owned ? body : Buffer.from(body), owned });
  }
}

function started(): { sink: Keeper; decoder: FrameDecoder } {
  const sink = new Keeper();
  const decoder = new FrameDecoder(sink, maxFrameBytes);
  decoder.push(Buffer.from(preamble));
  return { sink, decoder };
}

/**
 * Reads a stream as a socket does: at most `chunkBytes` at a time, into the place that the decoder
 * wants if it wants one, else into memory that is overwritten after each read.
 */
function readAll(decoder: FrameDecoder, stream: Buffer, chunkBytes: number): { inPlace: number } {
  const shared = Buffer.alloc(chunkBytes);
  let inPlace = 0;
  for (let at = 0; at < stream.length; ) {
    const place = decoder.readInto();
    const target = place ?? shared;
    const length = stream.copy(target, 0, at, at + Math.min(chunkBytes, target.length));
    decoder.push(target.subarray(0, length));
    if (place === undefined) shared.fill(0xee);
    else inPlace += length;
    at += length;
  }
  return { inPlace };
}

/** Reads a part, anywhere; gives its length. */
function readSome(decoder: FrameDecoder, stream: Buffer, upTo: (most: number) => number): number {
  const place = upTo(8) === 0 ? undefined : decoder.readInto();
  const target = place ?? Buffer.alloc(1 + upTo(300_000));
  const most = upTo(3) === 0 ? 1 + upTo(40_000) : target.length;
  const length = stream.copy(target, 0, 0, Math.min(most, target.length));
  decoder.push(target.subarray(0, length));
  if (place === undefined) target.fill(0xee);
  return length;
}

describe('FrameDecoder with long frames', () => {
  const bodies = [10, 8_186, 8_187, 100_000, 3, 3 * mebibyte + 17, 40, 20_000].map(
    (length, index) => pattern(length, index + 1),
  );
  const stream = Buffer.concat(bodies.map((body) => frame(1, body)));

  for (const chunkBytes of [1_000, 16_384, 65_536, 2 * mebibyte]) {
    it(`reads them in place, ${chunkBytes} bytes at a time`, () => {
      const { sink, decoder } = started();
      const { inPlace } = readAll(decoder, stream, chunkBytes);
      expect(inPlace).to.be.greaterThan(mebibyte);
      expect(sink.kept.length).to.equal(bodies.length);
      for (const [index, { body }] of sink.kept.entries()) {
        expect(body.equals(bodies[index] as Buffer), `frame ${index}`).to.equal(true);
      }
    });
  }

  for (const chunkBytes of [999, 65_536, 700_000, 1_500_000, 2 * mebibyte, stream.length]) {
    it(`copies them out of chunks of ${chunkBytes} bytes`, () => {
      const { sink, decoder } = started();
      const memory = Buffer.alloc(chunkBytes);
      for (let at = 0; at < stream.length; at += chunkBytes) {
        const length = stream.copy(memory, 0, at, at + chunkBytes);
        decoder.push(memory.subarray(0, length));
        memory.fill(0xee);
      }
      expect(sink.kept.length).to.equal(bodies.length);
      for (const [index, { body }] of sink.kept.entries()) {
        expect(body.equals(bodies[index] as Buffer), `frame ${index}`).to.equal(true);
      }
    });
  }

  it('takes a chunk that is many times longer than what it has reserved', () => {
    const body = pattern(5 * mebibyte, 7);
    const bytes = frame(1, body);
    for (const cut of [1, 4, 5, 6, 70_000]) {
      const { sink, decoder } = started();
      decoder.push(Buffer.from(bytes.subarray(0, cut)));
      decoder.push(Buffer.from(bytes.subarray(cut)));
      expect(sink.kept[0]?.body.equals(body), `cut at ${cut}`).to.equal(true);
    }
  });

  it('calls the memory of a long frame its own, and never writes to it again', () => {
    const { sink, decoder } = started();
    const long = pattern(100_000, 3);
    readAll(decoder, Buffer.concat([frame(1, long), frame(1, pattern(100_000, 4))]), 30_000);
    expect(sink.kept.map(({ owned }) => owned)).to.deep.equal([true, true]);
    const [first, second] = sink.kept;
    expect(first?.body.equals(long)).to.equal(true);
    expect(first?.body.buffer).to.not.equal(second?.body.buffer);
  });

  it('reads in place only while much of a frame is missing', () => {
    const { decoder } = started();
    expect(decoder.readInto()).to.equal(undefined);
    const bytes = frame(1, pattern(20_000, 5));
    decoder.push(bytes.subarray(0, 4));
    expect(decoder.readInto()).to.equal(undefined);
    decoder.push(bytes.subarray(4, 1_000));
    expect(decoder.readInto()?.length).to.equal(bytes.length - 1_000);
    decoder.push(bytes.subarray(1_000, bytes.length - 8_191));
    expect(decoder.readInto()).to.equal(undefined);
  });

  it('never offers a place beyond the end of the frame', () => {
    const { decoder } = started();
    const bytes = frame(1, pattern(5 * mebibyte, 6));
    decoder.push(bytes.subarray(0, 100));
    for (let at = 100; at < bytes.length; ) {
      const place = decoder.readInto();
      const length = Math.min(60_000, bytes.length - at);
      expect(place?.length ?? 0).to.be.at.most(bytes.length - at);
      decoder.push(bytes.subarray(at, at + length));
      at += length;
    }
    expect(decoder.atBoundary).to.equal(true);
  });

  it('takes bytes that did not come into the place that was offered', () => {
    const { sink, decoder } = started();
    const body = pattern(50_000, 8);
    const bytes = frame(1, body);
    decoder.push(bytes.subarray(0, 10));
    const place = decoder.readInto() as Buffer;
    decoder.push(Buffer.from(bytes.subarray(10, 20_000)));
    // What is read into an old place later must not be taken for the next bytes.
    place.fill(0xee, 0, 5);
    decoder.push(Buffer.from(bytes.subarray(20_000)));
    expect(sink.kept.length).to.equal(1);
    expect(sink.kept[0]?.body.subarray(5).equals(body.subarray(5))).to.equal(false);
    expect(sink.kept[0]?.body.subarray(10).equals(body.subarray(10))).to.equal(true);
  });

  it('keeps in order what comes in the middle of a long frame while it holds', () => {
    const { sink, decoder } = started();
    const body = pattern(60_000, 9);
    const bytes = Buffer.concat([frame(1, body), frame(1, Buffer.from('behind'))]);
    decoder.push(bytes.subarray(0, 10_000));
    decoder.hold();
    const { inPlace } = readAll(decoder, bytes.subarray(10_000), 15_000);
    expect(inPlace).to.be.above(0);
    expect(sink.kept.length).to.equal(0);
    decoder.release();
    expect(sink.kept[0]?.body.equals(body)).to.equal(true);
    expect(sink.kept[1]?.body.toString()).to.equal('behind');
  });

  describe('in a row', () => {
    const item = 64 * 1_024;

    function row(lengths: readonly number[]): { bodies: Buffer[]; stream: Buffer } {
      const bodies = lengths.map((length, index) => pattern(length, index + 11));
      return { bodies, stream: Buffer.concat(bodies.map((body) => frame(1, body))) };
    }

    function expectKept(sink: Keeper, bodies: readonly Buffer[]): void {
      expect(sink.kept.length).to.equal(bodies.length);
      for (const [index, { body }] of sink.kept.entries()) {
        expect(body.equals(bodies[index] as Buffer), `frame ${index}`).to.equal(true);
      }
    }

    it('reads them into memory that four of them share, and copies none', () => {
      const { sink, decoder } = started();
      const { bodies, stream } = row(Array<number>(13).fill(item));
      const { inPlace } = readAll(decoder, stream, 4 * item);
      expectKept(sink, bodies);
      // The first chunk brings three and the head of another.
      expect(sink.kept.slice(3).every(({ owned }) => owned)).to.equal(true);
      expect(inPlace).to.equal(stream.length - 4 * item);
      const memories = new Set(sink.kept.slice(3).map(({ body }) => body.buffer));
      expect(memories.size).to.equal(3);
    });

    it('puts them together in such memory when they come by other ways', () => {
      const { sink, decoder } = started();
      const { bodies, stream } = row(Array<number>(12).fill(item));
      for (let at = 0; at < stream.length; at += item) {
        decoder.push(Buffer.from(stream.subarray(at, at + item)));
      }
      expectKept(sink, bodies);
      expect(new Set(sink.kept.map(({ body }) => body.buffer)).size).to.equal(3);
    });

    it('copies what is short out of that memory', () => {
      const { sink, decoder } = started();
      const { bodies, stream } = row([item, item, item, 20_000, 10, item]);
      readAll(decoder, stream, 30_000);
      expectKept(sink, bodies);
      for (const { owned, body } of sink.kept) expect(owned).to.equal(body.length === item);
    });

    it('offers memory to a row that goes on, and none behind short frames', () => {
      const { decoder } = started();
      const { stream } = row([item, item, item, item]);
      readAll(decoder, stream, 4 * item);
      expect(decoder.readInto()?.length).to.be.at.least(3 * item);
      const place = decoder.readInto() as Buffer;
      const short = frame(1, Buffer.from('short'));
      decoder.push(place.subarray(0, short.copy(place)));
      expect(decoder.readInto()).to.equal(undefined);
      expect(decoder.atBoundary).to.equal(true);
    });

    it('goes on in order when it is held in the middle of one', () => {
      const { sink, decoder } = started();
      const { bodies, stream } = row(Array<number>(9).fill(item));
      const cut = 5 * item + 1_000;
      readAll(decoder, stream.subarray(0, cut), 100_000);
      const before = sink.kept.length;
      decoder.hold();
      readAll(decoder, stream.subarray(cut), 100_000);
      expect(sink.kept.length).to.equal(before);
      decoder.release();
      expectKept(sink, bodies);
    });

    it('goes on in order when one of them makes it hold', () => {
      const sink = new Keeper();
      const decoder = new FrameDecoder(
        {
          onFrame: (...given) => {
            sink.onFrame(...given);
            if (sink.kept.length % 2 === 0) decoder.hold();
          },
        },
        maxFrameBytes,
      );
      decoder.push(Buffer.from(preamble));
      const { bodies, stream } = row(Array<number>(21).fill(item));
      for (let at = 0; at < stream.length; ) {
        at += readSome(decoder, stream.subarray(at), (most) => most - 1);
        for (let held = 0; held < 3; held++) decoder.release();
      }
      expectKept(sink, bodies);
    });

    it('brings whatever comes, however it comes, and never touches what it gave away', () => {
      const random = seededRandom(4711);
      const upTo = (most: number): number => Math.floor(random() * most);
      const around = [5, 8_192, 32_768, 65_536, 65_555, 81_920, 200_000, mebibyte];
      for (let round = 0; round < 40; round++) {
        const { sink, decoder } = started();
        const lengths = Array.from({ length: 12 }, () => {
          const near = around[upTo(around.length)] as number;
          return Math.max(0, near - 12 + upTo(20));
        });
        const { bodies, stream } = row(lengths.flatMap((length) => [length, length, length]));
        for (let at = 0; at < stream.length; ) {
          if (upTo(10) === 0) decoder.hold();
          at += readSome(decoder, stream.subarray(at), upTo);
          decoder.release();
        }
        expectKept(sink, bodies);
        expect(decoder.atBoundary).to.equal(true);
      }
    });
  });

  it('B2: reserves no more than a fixed amount for what a length only announces', () => {
    const before = process.memoryUsage().arrayBuffers;
    const decoders: FrameDecoder[] = [];
    for (let index = 0; index < 20; index++) {
      const { decoder } = started();
      const header = Buffer.from('3ffffffc01', 'hex');
      decoder.push(header);
      decoder.readInto();
      decoders.push(decoder);
    }
    const reserved = process.memoryUsage().arrayBuffers - before;
    expect(decoders.length).to.equal(20);
    expect(reserved).to.be.below(25 * mebibyte);
  });
});
