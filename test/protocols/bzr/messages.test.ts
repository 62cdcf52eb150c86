import { expect } from 'chai';
import { HoldfastError } from '../../../lib/index.ts';
import { type BzrMessage, MessageDecoder } from '../../../lib/protocols/bzr/message-decoder.ts';
import { BzrCallWriter, encodeRequest } from '../../../lib/protocols/bzr/request.ts';
import { BzrReply, failureOf } from '../../../lib/protocols/bzr/values.ts';
import { answerOf, messageOf, part } from '../../support/bzr-peer.ts';

const maxBytes = 1024 * 1024;

/** What a real server (3.3.2) answers to `hello`. */
const helloAnswer = Buffer.from(
  '627a72206d6573736167652033202862' +
    '7a7220312e36290a0000001c6431363a' +
    '536f6674776172652076657273696f6e' +
    '353a332e332e32656f53730000000' +
    '96c323a6f6b313a326565',
  'hex',
);

function decode(
  chunks: readonly Buffer[],
  most = maxBytes,
): { messages: BzrMessage[]; isLast: boolean } {
  const messages: BzrMessage[] = [];
  let isLast = false;
  const decoder = new MessageDecoder(most, (message, last) => {
    messages.push(message);
    isLast = last;
  });
  decoder.expect();
  for (const chunk of chunks) decoder.push(Buffer.from(chunk));
  return { messages, isLast };
}

describe('Requests of the Bazaar protocol', () => {
  it('are, byte for byte, what the specification says', () => {
    const { head, rest } = encodeRequest('hello', {});
    expect(head.toString('latin1')).to.equal(
      'bzr message 3 (bzr 1.6)\n\0\0\0\x1fd16:Software version8:holdfastes\0\0\0\x09l5:helloee',
    );
    expect(rest).to.equal(undefined);
  });

  it('have their body in one part or in many, and the end behind it', () => {
    const [whole, many, none] = ['abc', [Buffer.from('a'), Buffer.from('bc')], []].map((body) =>
      encodeRequest('put', { args: ['x', ''], body }).rest?.toString('latin1'),
    );
    expect(whole).to.equal('b\0\0\0\x03abce');
    expect(many).to.equal('b\0\0\0\x01ab\0\0\0\x02bce');
    expect(none).to.equal('e');
  });

  it('do not change with their attempts, and end later than a server begins', () => {
    const writer = new BzrCallWriter();
    const tails: number[] = [];
    for (const [verb, body] of [
      ['mkdir', undefined],
      ['put', 'abc'],
      ['Repository.insert_stream', 'abc'],
      ['mkdir', 'abc'],
      ['plugin.verb', 'abc'],
    ] as const) {
      writer.write(1, verb, undefined, { args: [], body }, maxBytes);
      tails.push(writer.tailBytes);
    }
    // The end marker alone; nothing; and all that follows the arguments.
    expect(tails).to.deep.equal([1, 0, 9, 9, 9]);
  });

  it('are refused when they cannot be what is meant', () => {
    const writer = new BzrCallWriter();
    const inputs = ['x', 5, ['x'], { arg: [] }, { args: 'x' }, { body: 5 }, { body: ['x'] }];
    for (const input of inputs) {
      expect(() => writer.write(1, 'get', undefined, input, maxBytes), JSON.stringify(input))
        .to.throw(HoldfastError, 'Input cannot be encoded')
        .with.property('code', 'ERR_HOLDFAST_ENCODE');
    }
    expect(() => writer.write(1, 'get', 'key', {}, maxBytes))
      .to.throw(HoldfastError, 'no keys')
      .with.property('code', 'ERR_HOLDFAST_OPTION');
    expect(() => writer.write(1, 'put', undefined, { body: Buffer.alloc(maxBytes) }, maxBytes))
      .to.throw(HoldfastError, 'larger than maxFrameBytes')
      .with.property('code', 'ERR_HOLDFAST_FRAME_TOO_LARGE');
  });
});

describe('Answers of the Bazaar protocol', () => {
  it('are read as a real server gives them', () => {
    const { messages, isLast } = decode([helloAnswer]);
    expect(isLast).to.equal(true);
    const [{ headers, isSuccess, args, chunks, interruption }] = messages as [BzrMessage];
    expect(String(headers.get('Software version'))).to.equal('3.3.2');
    expect([isSuccess, args.map(String), chunks, interruption]).to.deep.equal([
      true,
      ['ok', '2'],
      [],
      undefined,
    ]);
  });

  const answers: Readonly<Record<string, Buffer>> = {
    'a result': helloAnswer,
    'an error': answerOf(['NoSuchFile', '/x'], { status: 'E' }),
    'a body': answerOf(['ok'], { body: ['some bytes'] }),
    'a stream with empty parts': answerOf(['ok'], { body: ['a', '', 'bc', ''] }),
    'a stream that fails': messageOf(
      'oS',
      part('s', 'l2:oke'),
      part('b', 'abc'),
      'oE',
      part('s', 'l5:error3:bade'),
      'e',
    ),
    'a stream that fails before its first part': messageOf(
      'oS',
      part('s', 'l2:oke'),
      'oE',
      part('s', 'l5:error3:bade'),
      'e',
    ),
  };

  for (const [name, bytes] of Object.entries(answers)) {
    it(`are the same wherever they are cut: ${name}`, () => {
      const whole = decode([bytes]).messages;
      expect(whole).to.have.length(1);
      for (let cut = 1; cut < bytes.length; cut++) {
        const { messages } = decode([bytes.subarray(0, cut), bytes.subarray(cut)]);
        expect(messages, `at ${cut}`).to.deep.equal(whole);
        expect(decode([bytes.subarray(0, cut)]).messages, `up to ${cut}`).to.deep.equal([]);
      }
      const single = Array.from(bytes, (byte) => Buffer.of(byte));
      expect(decode(single).messages).to.deep.equal(whole);
    });
  }

  it('are read when they are large, in any pieces', () => {
    const body = Buffer.alloc(700_000, 'x');
    const bytes = answerOf(['ok'], { body: [body] });
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += 9_973) pieces.push(bytes.subarray(at, at + 9_973));
    const [{ chunks }] = decode(pieces).messages as [BzrMessage];
    expect(Buffer.concat(chunks).equals(body)).to.equal(true);
  });

  it('share memory when they have very many short parts', () => {
    const short = Array.from({ length: 20_000 }, (_, index) => `${index % 7 === 0 ? '' : index}`);
    const long = 'long'.repeat(2_000);
    const body = [...short.slice(0, 10_000), long, ...short.slice(10_000), long, long];
    const [{ chunks }] = decode([answerOf(['ok'], { body })]).messages as [BzrMessage];
    expect(Buffer.concat(chunks).toString()).to.equal(body.join(''));
    expect(chunks.length).to.be.below(50);
    expect(Math.max(...chunks.map(({ buffer }) => buffer.byteLength))).to.be.at.most(16 * 1024);
  });

  const wrong: Readonly<Record<string, Buffer>> = {
    'a byte before it': Buffer.concat([Buffer.from('Z'), helloAnswer]),
    'another marker': Buffer.from('bzr message 4'),
    'headers that are a list': Buffer.concat([helloAnswer.subarray(0, 24), part('', 'le')]),
    'endless headers': Buffer.concat([
      helloAnswer.subarray(0, 24),
      part('', Buffer.alloc(65 * 1024)),
    ]),
    'an unknown part': messageOf('x'),
    'an unknown status': messageOf('oX'),
    'two statuses': messageOf('oS', 'oS'),
    'no status': messageOf(part('s', 'l2:oke')),
    'a structure that is no list': messageOf('oS', part('s', '2:ok')),
    'a second structure': messageOf('oS', part('s', 'le'), part('s', 'le')),
    'a body before the structure': messageOf('oS', part('b', 'x')),
    'a body behind an error within': messageOf('oS', part('s', 'le'), 'oE', part('b', 'x')),
    'a second error': messageOf('oE', part('s', 'le'), 'oE'),
    'a success behind a body': messageOf('oS', part('s', 'le'), part('b', 'x'), 'oS'),
    'nothing in it': messageOf('e'),
    'no structure': messageOf('oS', 'e'),
    'no second structure': messageOf('oS', part('s', 'le'), 'oE', 'e'),
  };

  for (const [name, bytes] of Object.entries(wrong)) {
    it(`are refused with ${name}`, () => {
      expect(() => decode([bytes]))
        .to.throw(HoldfastError)
        .with.property('code')
        .that.is.oneOf(['ERR_HOLDFAST_PROTOCOL', 'ERR_HOLDFAST_FRAME_TOO_LARGE']);
      const single = Array.from(bytes, (byte) => Buffer.of(byte));
      expect(() => decode(single)).to.throw(HoldfastError);
    });
  }

  it('are refused when more comes than one answer, which is told first', () => {
    const messages: BzrMessage[] = [];
    const lasts: boolean[] = [];
    const decoder = new MessageDecoder(maxBytes, (message, isLast) => {
      messages.push(message);
      lasts.push(isLast);
      // The next thing is asked at once: what is there already is no answer to it.
      decoder.expect();
    });
    decoder.expect();
    expect(() => decoder.push(Buffer.concat([helloAnswer, helloAnswer]))).to.throw(
      HoldfastError,
      '73 bytes came that no request asked for',
    );
    expect([messages.length, lasts]).to.deep.equal([1, [false]]);
  });

  it('are refused when nothing is awaited', () => {
    const decoder = new MessageDecoder(maxBytes, () => {});
    expect(() => decoder.push(Buffer.from('b'))).to.throw(HoldfastError, 'no request asked for');
    expect(decoder.atBoundary).to.equal(true);
  });

  it('say that the server is an old one, also in pieces', () => {
    for (const line of [
      "error\x01Generic bzr smart protocol error: bad request 'bzr message 3'\n",
      'bzr response 2\nfailed\n',
    ]) {
      const single = Array.from(Buffer.from(line), (byte) => Buffer.of(byte));
      for (const pieces of [[Buffer.from(line)], single]) {
        expect(() => decode(pieces))
          .to.throw(HoldfastError, 'older versions')
          .with.property('code', 'ERR_HOLDFAST_VERSION');
      }
    }
  });

  it('take no more memory than what has come', () => {
    const head = messageOf('oS', part('s', 'le'), 'b', Buffer.from([0x3f, 0xff, 0xff, 0xff]));
    const before = process.memoryUsage().arrayBuffers;
    const { messages } = decode([head, Buffer.alloc(100)], 2 ** 30 + 1000);
    expect(messages).to.deep.equal([]);
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(1024 * 1024);
    expect(() => decode([head], 2 ** 29))
      .to.throw(HoldfastError)
      .with.property('code', 'ERR_HOLDFAST_FRAME_TOO_LARGE');
  });
});

describe('What a Bazaar server says', () => {
  it('is given as text and as bytes', () => {
    const reply = new BzrReply(
      [Buffer.from('ok'), 7, [Buffer.from('a')]],
      [Buffer.from('ab'), Buffer.from('c')],
    );
    expect([0, 1, 2, 3].map((index) => reply.text(index))).to.deep.equal([
      'ok',
      '7',
      undefined,
      undefined,
    ]);
    expect(reply.body.toString()).to.equal('abc');
    expect(new BzrReply([], []).body).to.have.length(0);
  });

  it('is an error with its name as the code', () => {
    const named = failureOf([Buffer.from('NoSuchFile'), Buffer.from('/x')]);
    expect(named).to.include({ code: 'NoSuchFile', message: 'NoSuchFile /x' });
    const other = failureOf([Buffer.from('error'), Buffer.from('KeyError'), Buffer.from('k')]);
    expect(other).to.include({ code: 'KeyError', message: 'KeyError k' });
    expect(failureOf([Buffer.from('error')])).to.include({ code: 'error', message: 'error' });
    expect(failureOf([])).to.include({ code: 'error' });
    const nested = failureOf([Buffer.from('x'), [1, Buffer.from('y')], new Map([['k', 2]])]);
    expect(nested.message).to.equal('x ["1","y"] ["2"]');
  });
});
