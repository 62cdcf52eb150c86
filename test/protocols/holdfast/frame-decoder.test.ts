import { expect } from 'chai';
import { type ErrorCode, HoldfastError } from '../../../lib/errors.ts';
import { FrameDecoder } from '../../../lib/protocols/holdfast/frame-decoder.ts';
import { preamble } from '../../../lib/protocols/holdfast/frames.ts';
import { FrameRecorder } from './sinks.ts';

const maxFrameBytes = 1_024;

/** A frame of this type and body. */
function frame(type: number, body: Uint8Array | string): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.from(body);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length + 1);
  head[4] = type;
  return Buffer.concat([head, bytes]);
}

/** A decoder behind its preamble, and what it decodes. */
function decoder(): { sink: FrameRecorder; decoder: FrameDecoder } {
  const sink = new FrameRecorder();
  const made = new FrameDecoder(sink, maxFrameBytes);
  made.push(Buffer.from(preamble));
  return { sink, decoder: made };
}

/** The error that `run` throws; it must be of this code. */
function failure(code: ErrorCode, run: () => void): HoldfastError {
  try {
    run();
  } catch (error) {
    expect(error).to.be.instanceOf(HoldfastError);
    expect((error as HoldfastError).code).to.equal(code);
    return error as HoldfastError;
  }
  throw new Error(`${code} was not thrown`);
}

describe('FrameDecoder', () => {
  const frames = [frame(0x31, 'abcd'), frame(1, ''), frame(0xff, 'x'), frame(0x10, 'y'.repeat(90))];
  const stream = Buffer.concat([preamble, ...frames]);
  const expected = ['31:61626364', '1:', 'ff:78', `10:${'79'.repeat(90)}`];

  it('cuts a chunk into its frames', () => {
    const sink = new FrameRecorder();
    new FrameDecoder(sink, maxFrameBytes).push(Buffer.from(stream));
    expect(sink.inHex).to.deep.equal(expected);
  });

  it('decodes a stream that comes byte by byte', () => {
    const sink = new FrameRecorder();
    const bytewise = new FrameDecoder(sink, maxFrameBytes);
    for (const byte of stream) bytewise.push(Buffer.from([byte]));
    expect(sink.inHex).to.deep.equal(expected);
    expect(bytewise.atBoundary).to.equal(true);
  });

  it('decodes a stream that is cut at any two offsets, with empty chunks between', () => {
    for (let first = 0; first <= stream.length; first++) {
      for (let second = first; second <= Math.min(stream.length, first + 40); second++) {
        const sink = new FrameRecorder();
        const cutting = new FrameDecoder(sink, maxFrameBytes);
        cutting.push(Buffer.from(stream.subarray(0, first)));
        cutting.push(Buffer.alloc(0));
        cutting.push(Buffer.from(stream.subarray(first, second)));
        cutting.push(Buffer.from(stream.subarray(second)));
        expect(sink.inHex, `cut at ${first} and ${second}`).to.deep.equal(expected);
      }
    }
  });

  it('takes nothing from a chunk whose memory is reused afterwards', () => {
    const sink = new FrameRecorder();
    const reading = new FrameDecoder(sink, maxFrameBytes);
    const memory = Buffer.alloc(16);
    for (let at = 0; at < stream.length; at += 16) {
      const length = stream.copy(memory, 0, at, at + 16);
      reading.push(memory.subarray(0, length));
      memory.fill(0xee);
    }
    expect(sink.inHex).to.deep.equal(expected);
  });

  it('calls memory its own only when it belongs to the frame alone', () => {
    const { sink, decoder: made } = decoder();
    made.push(frame(1, 'whole in its chunk'));
    const cut = frame(1, 'cut into two chunks');
    made.push(cut.subarray(0, 8));
    made.push(cut.subarray(8));
    expect(sink.frames.map(({ owned }) => owned)).to.deep.equal([false, false]);
  });

  it('tells whether a frame has begun', () => {
    const { decoder: made } = decoder();
    expect(made.atBoundary).to.equal(true);
    const bytes = frame(1, 'abc');
    for (let at = 0; at < bytes.length - 1; at++) {
      made.push(bytes.subarray(at, at + 1));
      expect(made.atBoundary, `after ${at + 1} bytes`).to.equal(false);
    }
    made.push(bytes.subarray(bytes.length - 1));
    expect(made.atBoundary).to.equal(true);
  });

  it('delivers nothing of a chunk behind the frame in which it is stopped', () => {
    for (const cut of [0, 3, 5, 7]) {
      const { sink, decoder: made } = decoder();
      sink.onEach = (type) => {
        if (type === 2) made.stop();
      };
      const bytes = Buffer.concat([frame(1, 'a'), frame(2, 'b'), frame(3, 'c'), frame(4, 'd')]);
      made.push(bytes.subarray(0, cut));
      made.push(bytes.subarray(cut));
      made.push(frame(5, 'e'));
      expect(sink.inHex, `cut at ${cut}`).to.deep.equal(['1:61', '2:62']);
      expect(made.readInto()).to.equal(undefined);
    }
  });

  it('throws away the frame that has begun when it is stopped', () => {
    const { sink, decoder: made } = decoder();
    const bytes = frame(1, 'abc');
    made.push(bytes.subarray(0, 6));
    made.stop();
    made.push(bytes.subarray(6));
    made.push(frame(2, ''));
    expect(sink.frames).to.deep.equal([]);
  });

  it('gives nothing out while it holds, and then all of it in order', () => {
    const bytes = Buffer.concat([1, 2, 3, 4, 5].map((type) => frame(type, `body ${type}`)));
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { sink, decoder: made } = decoder();
      sink.onEach = (type) => {
        if (type === 2 || type === 4) made.hold();
      };
      const shared = Buffer.from(bytes);
      made.push(shared.subarray(0, cut));
      made.push(shared.subarray(cut));
      shared.fill(0xee);
      const types = (): number[] => sink.frames.map(({ type }) => type);
      expect(types(), `cut at ${cut}`).to.deep.equal([1, 2]);
      expect(made.atBoundary).to.equal(false);
      made.release();
      expect(types()).to.deep.equal([1, 2, 3, 4]);
      made.release();
      expect(types()).to.deep.equal([1, 2, 3, 4, 5]);
      expect(sink.frames.every(({ type, body }) => body.toString() === `body ${type}`)).to.equal(
        true,
      );
      expect(made.atBoundary).to.equal(true);
    }
  });

  it('throws away what it holds when it is stopped', () => {
    const { sink, decoder: made } = decoder();
    made.hold();
    made.push(frame(1, ''));
    made.stop();
    made.push(frame(2, ''));
    made.release();
    expect(sink.frames).to.deep.equal([]);
  });

  it('finds bytes that are not allowed when it goes on', () => {
    const { sink, decoder: made } = decoder();
    made.hold();
    made.push(Buffer.concat([frame(1, ''), Buffer.from('00000000', 'hex'), Buffer.from([1])]));
    failure('ERR_HOLDFAST_PROTOCOL', () => made.release());
    expect(sink.frames.map(({ type }) => type)).to.deep.equal([1]);
  });

  it('follows a limit that is changed while a chunk is decoded', () => {
    const { sink, decoder: made } = decoder();
    sink.onEach = () => {
      made.maxFrameBytes = 2_000;
    };
    made.push(Buffer.concat([frame(1, ''), frame(2, 'x'.repeat(1_500))]));
    expect(sink.frames.map(({ type }) => type)).to.deep.equal([1, 2]);
  });

  it('refuses a frame without a type, wherever it is cut', () => {
    const bytes = Buffer.concat([frame(1, ''), Buffer.from('0000000030', 'hex')]);
    for (let cut = 0; cut < bytes.length; cut++) {
      const { sink, decoder: made } = decoder();
      made.push(bytes.subarray(0, cut));
      failure('ERR_HOLDFAST_PROTOCOL', () => made.push(bytes.subarray(cut)));
      made.push(frame(2, ''));
      expect(
        sink.frames.map(({ type }) => type),
        `cut at ${cut}`,
      ).to.deep.equal([1]);
    }
  });

  it('refuses a frame that is too large as soon as its header is there', () => {
    const longest = frame(1, 'x'.repeat(maxFrameBytes - 5));
    const { sink, decoder: made } = decoder();
    made.push(longest);
    expect(sink.frames.length).to.equal(1);
    const header = frame(1, 'x'.repeat(maxFrameBytes - 4)).subarray(0, 5);
    for (let cut = 0; cut < 5; cut++) {
      const { sink: other, decoder: refusing } = decoder();
      refusing.push(header.subarray(0, cut));
      const error = failure('ERR_HOLDFAST_FRAME_TOO_LARGE', () =>
        refusing.push(header.subarray(cut)),
      );
      expect(error.message).to.contain('1025').and.to.contain('1024');
      refusing.push(frame(2, ''));
      expect(other.frames, `cut at ${cut}`).to.deep.equal([]);
    }
  });

  it('knows from the first wrong byte that a peer does not speak holdfast', () => {
    for (let at = 0; at < preamble.length - 1; at++) {
      const wrong = Buffer.from(preamble);
      wrong[at] = (wrong[at] as number) ^ 0x80;
      for (const cut of [0, at]) {
        const sink = new FrameRecorder();
        const made = new FrameDecoder(sink, maxFrameBytes);
        made.push(wrong.subarray(0, cut));
        const error = failure('ERR_HOLDFAST_PROTOCOL', () =>
          made.push(wrong.subarray(cut, at + 1)),
        );
        expect(error.final).to.equal(true);
        expect(sink.frames).to.deep.equal([]);
      }
    }
  });

  it('shows what a peer of another kind says', () => {
    const made = new FrameDecoder(new FrameRecorder(), maxFrameBytes);
    const greeting = Buffer.from('SSH-2.0-OpenSSH_9.2\r\n');
    const error = failure('ERR_HOLDFAST_PROTOCOL', () => made.push(greeting));
    expect(error.message).to.contain('SSH-2.0-OpenSSH_9.2\\r\\n');
  });

  it('knows a peer of another version from the last byte of the preamble', () => {
    for (const version of [0, 2, 0xff]) {
      const made = new FrameDecoder(new FrameRecorder(), maxFrameBytes);
      const other = Buffer.from(preamble);
      other[7] = version;
      const error = failure('ERR_HOLDFAST_VERSION', () => made.push(other));
      expect(error.message).to.contain(`version ${version}`);
      expect(error.final).to.equal(true);
    }
  });

  it('takes nothing more after it has thrown', () => {
    const sink = new FrameRecorder();
    const made = new FrameDecoder(sink, maxFrameBytes);
    failure('ERR_HOLDFAST_PROTOCOL', () => made.push(Buffer.from('GET / HTTP/1.1')));
    made.push(Buffer.from(stream));
    expect(sink.frames).to.deep.equal([]);
  });
});
