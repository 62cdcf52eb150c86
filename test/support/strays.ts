import { FrameType, preamble } from '../../lib/protocols/holdfast/frames.ts';
import {
  declared,
  frame,
  hex,
  listFrame,
  ping,
  pong,
  reply,
  serverHello,
  u32,
  u48,
} from './raw-frames.ts';

/** What may come on a link that is up and ends it. */
export const strays: readonly (readonly [what: string, bytes: Buffer])[] = [
  ...[0x00, 0x01, 0x20, 0x89, 0xff].map(
    (byte) => [`the byte 0x${byte.toString(16)}`, Buffer.of(byte)] as const,
  ),
  ['a length and a type', hex('00 00 00 0a 20')],
  ['half a ping', ping(1).subarray(0, 7)],
  ['a newline', Buffer.from('\n')],
  ['a line of a log', Buffer.from('Connection to example closed by remote host.\r\n')],
  ['a second hello', serverHello().subarray(preamble.length)],
  ['a call', frame(FrameType.call, Buffer.alloc(20))],
  ['a cancel', frame(FrameType.cancel, u48(1))],
  ['an unknown type', frame(0x77, Buffer.alloc(5))],
  ['a frame of length 0', Buffer.concat([u32(0), u32(0)])],
  ['four zeros', u32(0)],
  ['a frame of 4 GiB', declared(0xffff_ffff, FrameType.reply)],
  ['a reply to a number never sent', reply(999, 'x')],
  ['a reply to number 0', reply(0, 'x')],
  ['a reply without a number', frame(FrameType.reply, Buffer.of(1, 0, 0))],
  ['an error for a number never sent', listFrame(FrameType.error, 999, ['E', 'x', null])],
  ['a refusal of a number never sent', listFrame(FrameType.refused, 999, ['E', 'x', null, false])],
  ['a refusal that is no list', listFrame(FrameType.refused, 1, { a: 1 })],
  ['an error without a text', listFrame(FrameType.error, 1, ['E'])],
  ['an error that is cut', frame(FrameType.error, u48(1), hex('93 a1'))],
  ['a pong for no ping', pong(7)],
  ['a pong with the token 0', pong(0)],
  ['a ping that is too long', frame(FrameType.ping, Buffer.alloc(9))],
  ['a drain that is too short', frame(FrameType.drain, Buffer.alloc(2))],
];

/** Those of them that may be the beginning of something, and are known when more comes. */
export const beginnings: ReadonlySet<string> = new Set([
  ...['0x0', '0x1', '0x20', '0x89', '0xff'].map((byte) => `the byte ${byte}`),
  'a length and a type',
  'half a ping',
  'a newline',
  'four zeros',
]);
