import { HoldfastError } from '../../errors.ts';

/** Deepest nesting of arrays and maps in a value. */
export const maxDepth = 100;

/**
 * Most arrays, maps, byte strings and timestamps in a value: an empty one takes a byte or two to send
 * and up to 200 to build.
 */
export const maxObjects = 1_000_000;

/** Those of the value at hand. Shared, since an inspection never yields. */
let objects = 0;

/**
 * Walks over a msgpack value without building it, and throws `ERR_HOLDFAST_DECODE` unless it is one
 * whole value made of what PROTOCOL.md allows: no extension but timestamps and `undefined`, no key
 * but strings, no length that goes beyond the end, no nesting deeper than {@link maxDepth}. What
 * passes costs no more memory than its own size multiplied by a small constant.
 */
export function inspectValue(buffer: Buffer, start: number, end: number): void {
  objects = 0;
  const position = skipValue(buffer, start, end, 0);
  if (position > end) throw cutOff(position, end);
  if (position < end) throw bad(`${end - position} bytes follow the value`);
}

/** Each of these gives the next position, which may be beyond the end. */
function skipValue(buffer: Buffer, start: number, end: number, depth: number): number {
  if (start >= end) throw cutOff(start, end);
  const token = buffer[start] as number;
  const tail = tails[token] as number;
  if (tail >= 0) return start + 1 + tail;
  const isContainer = token < 0xa0 || token >= 0xdc;
  return isContainer
    ? skipContainer(buffer, start + 1, end, token, depth)
    : skipField(buffer, start + 1, end, token);
}

function skipKey(buffer: Buffer, start: number, end: number): number {
  if (start >= end) throw cutOff(start, end);
  const token = buffer[start] as number;
  if (token >= 0xa0 && token < 0xc0) return start + 1 + (token & 0x1f);
  if (token < 0xd9 || token > 0xdb) throw bad('a key is not a string');
  return skipField(buffer, start + 1, end, token);
}

/** Skips an array or a map; keys and values alike count as items of a map. */
function skipContainer(
  buffer: Buffer,
  start: number,
  end: number,
  token: number,
  depth: number,
): number {
  const isMap = token < 0x90 || token >= 0xde;
  const fieldBytes = token < 0xa0 ? 0 : (token & 1) === 0 ? 2 : 4;
  let position = start + fieldBytes;
  if (position > end) throw bad('it ends early');
  const count = fieldBytes === 0 ? token & 0x0f : readLength(buffer, start, fieldBytes);
  if ((isMap ? count * 2 : count) > end - position) throw bad('a length goes beyond its end');
  countObject();
  if (depth === maxDepth) throw bad(`it is nested deeper than ${maxDepth}`);
  for (let index = 0; index < count; index++) {
    if (isMap) position = skipKey(buffer, position, end);
    position = skipValue(buffer, position, end, depth + 1);
  }
  return position;
}

/** Skips what begins with a length field, and extensions. */
function skipField(buffer: Buffer, start: number, end: number, token: number): number {
  const field = fieldBytesOf[token - 0xc0] as number;
  if (field < 0) throw bad(`the token 0x${token.toString(16)} is not allowed`);
  const position = start + field;
  if (position > end) throw bad('it ends early');
  const isExtension = token >= 0xd4 ? token <= 0xd8 : token >= 0xc7;
  if (isExtension) {
    checkExtension(buffer, start, token);
    return position;
  }
  if (token <= 0xc6) countObject();
  return position + readLength(buffer, start, field);
}

function countObject(): void {
  if (++objects > maxObjects) throw bad(`it has more than ${maxObjects} objects`);
}

function readLength(buffer: Buffer, start: number, field: number): number {
  let length = 0;
  for (let index = 0; index < field; index++) {
    length = length * 256 + (buffer[start + index] as number);
  }
  return length;
}

/**
 * Bytes of the fixed part behind each token from 0xc0 to 0xdb: a length field for strings and bytes,
 * the whole rest for numbers and the extensions that are allowed; -1 if forbidden.
 */
const fieldBytesOf = [
  0, -1, 0, 0, 1, 2, 4, 14, -1, -1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, -1, 5, 9, -1, 1, 2, 4,
] as const;

/** Bytes behind each token that tells how many there are, and that they may be anything; or -1. */
const tails = Int8Array.from({ length: 256 }, (_, token) => {
  if (token < 0x80 || token >= 0xe0) return 0;
  if (token >= 0xa0 && token < 0xc0) return token & 0x1f;
  const isPlain = (token >= 0xc0 && token < 0xc4) || (token >= 0xca && token < 0xd4);
  return isPlain ? (fieldBytesOf[token - 0xc0] as number) : -1;
});

/** Timestamps in their three forms (type -1), and msgpackr's `undefined` (type 0, one byte). */
function checkExtension(buffer: Buffer, position: number, token: number): void {
  const isTimestamp =
    token === 0xc7
      ? buffer[position] === 12 && buffer[position + 1] === 0xff
      : token !== 0xd4 && buffer[position] === 0xff;
  const isUndefined = token === 0xd4 && buffer[position] === 0;
  if (!isTimestamp && !isUndefined) throw bad('extension types are not allowed');
  if (isTimestamp) countObject();
  // The shorter forms end in the year 2514.
  if (token === 0xc7) checkDate(buffer, position + 2);
}

/** A `Date` spans a hundred million days from 1970 in both directions; the bytes have more. */
function checkDate(buffer: Buffer, position: number): void {
  const milliseconds = buffer.readUInt32BE(position) / 1e6;
  const seconds = Number(buffer.readBigInt64BE(position + 4));
  if (Math.abs(seconds * 1_000 + milliseconds) > 8.64e15) throw bad('a timestamp is out of range');
}

/** A value is missing, or the one before is longer than what is there. */
function cutOff(position: number, end: number): HoldfastError {
  return bad(position > end ? 'a part of it goes beyond its end' : 'it ends early');
}

function bad(why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_DECODE', `Value cannot be decoded: ${why}`, {
    final: true,
  });
}
