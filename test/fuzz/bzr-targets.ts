import { isDeepStrictEqual } from 'node:util';
import { deflateSync } from 'node:zlib';
import { branchAt } from '../../lib/cli/bzr/address.ts';
import { readRevision } from '../../lib/cli/bzr/revision.ts';
import { type ErrorCode, isHoldfastError } from '../../lib/index.ts';
import {
  type BzrArgument,
  type BzrValue,
  decodeValue,
  encodeList,
} from '../../lib/protocols/bzr/bencode.ts';
import { BzrClientWire } from '../../lib/protocols/bzr/client-wire.ts';
import { marker } from '../../lib/protocols/bzr/message-decoder.ts';
import { ClientRecorder, type Event } from '../protocols/holdfast/sinks.ts';
import { clientHello } from '../protocols/holdfast/vectors.ts';
import { answerOf, messageOf, part } from '../support/bzr-peer.ts';
import { buffersOf, type Target, textOf } from './target.ts';

const allowed: readonly ErrorCode[] = [
  'ERR_HOLDFAST_PROTOCOL',
  'ERR_HOLDFAST_VERSION',
  'ERR_HOLDFAST_FRAME_TOO_LARGE',
];

/** Runs; gives the code of the error that it throws, which must be one of these. */
function codeOf(run: () => void, codes: readonly ErrorCode[] = allowed): ErrorCode | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (isHoldfastError(error) && codes.includes(error.code)) return error.code;
    throw error;
  }
}

const version = answerOf(['ok', '2']);

/** What a client that has called a verb makes of an answer that comes in pieces of this size. */
function heard(
  input: Buffer,
  pieceBytes: number,
): { readonly events: readonly Event[]; readonly code: ErrorCode | undefined } {
  const sink = new ClientRecorder();
  const wire = new BzrClientWire(sink, { ...clientHello, maxFrameBytes: 65_536 }, 'fuzzed');
  wire.receive(Buffer.from(version));
  wire.sending(7);
  // The same memory each time, as sockets have it.
  const memory = Buffer.alloc(Math.min(pieceBytes, input.length));
  const code = codeOf(() => {
    for (let at = 0; at < input.length; at += pieceBytes) {
      const length = input.copy(memory, 0, at, at + pieceBytes);
      wire.receive(memory.subarray(0, length));
    }
  });
  return { events: sink.events, code };
}

/** However an answer comes, it means the same; and there is one at most. */
function takeAnswer(input: Buffer): void {
  const whole = heard(input, input.length);
  if (whole.events.length > 2) throw new Error('A call is answered twice');
  for (const pieceBytes of [1, 7]) {
    if (isDeepStrictEqual(heard(input, pieceBytes), whole)) continue;
    throw new Error(`It is heard differently in pieces of ${pieceBytes}`);
  }
}

/** What a server says first is its version, or an error. */
function takeGreeting(input: Buffer): void {
  const said = [1, input.length].map((pieceBytes) => {
    const sink = new ClientRecorder();
    const wire = new BzrClientWire(sink, { ...clientHello, maxFrameBytes: 65_536 }, 'fuzzed');
    const code = codeOf(() => {
      for (let at = 0; at < input.length; at += pieceBytes) {
        wire.receive(Buffer.from(input.subarray(at, at + pieceBytes)));
      }
    });
    if (sink.events.some(([name]) => name !== 'hello')) throw new Error('It is more than a hello');
    return code;
  });
  if (said[0] !== said[1]) throw new Error(`It is heard differently in parts: ${said.join(', ')}`);
}

/** A value that can be sent is the same when it is. */
function takeValue(input: Buffer): void {
  let value: BzrValue | undefined;
  codeOf(() => {
    value = decodeValue(input);
  });
  if (!Array.isArray(value) || hasDictionary(value)) return;
  const again = encodeList(value as readonly BzrArgument[]);
  if (!again.equals(input)) throw new Error('It is another value when it is sent again');
}

function hasDictionary(value: BzrValue): boolean {
  return value instanceof Map || (Array.isArray(value) && value.some(hasDictionary));
}

/** A revision is read, or the error says that it cannot be. */
function takeRevision(input: Buffer): void {
  try {
    const { at } = readRevision(deflateSync(input));
    if (at !== '' && !/^[+-]?\d{4,6}-\d\d-\d\d \d\d:\d\d(:\d\d)? [+-]\d{2,}$/.test(at)) {
      throw new Error(`It is made at ${at}`);
    }
  } catch (error) {
    if (!String(error).startsWith('Error: The revision cannot be read: ')) throw error;
  }
}

/** A URL is one of a branch, or refused as a URL is. */
function takeUrl(input: Buffer): void {
  codeOf(() => {
    const { medium, path } = branchAt(textOf(input), 'bzr');
    if (medium.address === '' || !/^(\/|$)/.test(path)) throw new Error('It is no address');
  }, ['ERR_HOLDFAST_URL', 'ERR_HOLDFAST_OPTION']);
}

const answers = [
  version,
  answerOf(['NoSuchFile', '/x'], { status: 'E' }),
  answerOf(['UnknownMethod', 'x'], { status: 'E' }),
  answerOf(['ok'], { body: ['a', '', 'bc', 'd'.repeat(5_000)] }),
  messageOf('oS', part('s', 'l2:oke'), part('b', 'abc'), 'oE', part('s', 'l5:error3:bade'), 'e'),
  Buffer.from("error\x01Generic bzr smart protocol error: bad request 'bzr message 3'\n"),
  Buffer.from('bzr response 2\nfailed\n'),
];
const values = ['le', 'l5:helloi-1ei0eli42eee', 'd1:ai1e1:bl1:cee', 'd16:Software version5:3.3.2e'];
const revision =
  'll6:formati10eel9:committer4:me <el8:timezonei3600eel10:propertiesd11:branch-nick1:xee' +
  'l9:timestamp14:1700000000.123el11:revision-id3:r-1el10:parent-idsl3:r-0eel14:inventory-sha13:abcel7:message2:hiee';
const parts = buffersOf(['oS', 'oE', 'o', 's', 'b', 'e', 'de', 'le', 'l', 'd', 'i', '0:', '1:a']);
const lengths = [0, 1, 2, 9, 0xffff, 0xffff_ffff].map((length) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
});
const words = [marker, part('', 'de'), part('s', 'le'), part('b', 'x'), ...parts, ...lengths];

/** All that a Bazaar server's bytes, and the name of a branch, meet first. */
export const bzrTargets: readonly Target[] = [
  { name: 'bzr-greeting', seeds: answers, words, take: takeGreeting },
  { name: 'bzr-answer', seeds: answers, words, take: takeAnswer },
  { name: 'bzr-value', seeds: buffersOf(values), words, take: takeValue },
  {
    name: 'bzr-revision',
    seeds: buffersOf([revision, ...values]),
    words: [
      ...words,
      ...buffersOf(['8:timezone', '9:timestamp', '10:parent-ids', '1e999', '-', '253402300800']),
    ],
    take: takeRevision,
  },
  {
    name: 'bzr-url',
    seeds: buffersOf([
      'bzr://host/srv/trunk',
      'tcp://127.0.0.1:4155/a%20b',
      'bzr+ssh://me@host:22/srv?configFile=/etc/c',
      'ssh://me@[::1]/x?privateKeyFile=~/.ssh/id',
      '/srv/trunk',
    ]),
    words: buffersOf([
      'bzr://',
      'ssh://',
      '//',
      '/',
      ':',
      '@',
      '?',
      '#',
      '%',
      '%00',
      '%2F',
      '[::1]',
      '&',
      '=',
    ]),
    take: takeUrl,
  },
];
