import { HoldfastError } from '../../errors.ts';

/** Deepest nesting of arrays and maps in a value. */
export const maxDepth = 100;

/**
 * Most arrays, maps, byte strings and timestamps in a value: an empty one takes a byte or two to send
 * and up to 200 to build.
 */
export const maxObjects = 1_000_000;

/**
 * How many items are still to come at each outer level; negative for maps. Shared, like the state
 * below it, since an inspection never yields.
 */
const outerLevels = new Int32Array(maxDepth);

/** Keys and values alike count as items of a map. */
let itemsLeft = 0;
let isMap = false;
let depth = 0;
let objects = 0;

/**
 * Walks over a msgpack value without building it, and throws `ERR_HOLDFAST_DECODE` unless it is one
 * whole value made of what PROTOCOL.md allows: no extension but timestamps and `undefined`, no key
 * but strings, no length that goes beyond the end, no nesting deeper than {@link maxDepth}. What
 * passes costs no more memory than its own size multiplied by a small constant.
 */
export function inspectValue(buffer: Buffer, start: number, end: number): void {
  let position = start;
  depth = 0;
  objects = 0;
  itemsLeft = 1;
  isMap = false;
  while (itemsLeft > 0 || depth > 0) {
    if (itemsLeft === 0) {
      leave();
      continue;
    }
    if (position >= end) throw bad('it ends early');
    const token = buffer[position++] as number;
    // In a map keys and values alternate, the first of an even number being a key.
    if (isMap && (itemsLeft & 1) === 0 && !isString(token)) throw bad('a key is not a string');
    itemsLeft--;
    if (token < 0x80 || token >= 0xe0) continue;
    if (token >= 0xc0) position = skipField(buffer, position, end, token);
    else if (token >= 0xa0) position += token & 0x1f;
    else enter(token & 0x0f, token < 0x90, end - position);
    if (position > end) throw bad('a length goes beyond its end');
  }
  if (position !== end) throw bad(`${end - position} bytes follow the value`);
}

/** Goes one level down, into an array or a map. */
function enter(children: number, intoMap: boolean, bytesLeft: number): void {
  const items = intoMap ? children * 2 : children;
  if (items > bytesLeft) throw bad('a length goes beyond its end');
  countObject();
  if (depth === maxDepth) throw bad(`it is nested deeper than ${maxDepth}`);
  outerLevels[depth++] = isMap ? ~itemsLeft : itemsLeft;
  itemsLeft = items;
  isMap = intoMap;
}

function countObject(): void {
  if (++objects > maxObjects) throw bad(`it has more than ${maxObjects} objects`);
}

/** Goes back up. */
function leave(): void {
  const outer = outerLevels[--depth] as number;
  isMap = outer < 0;
  itemsLeft = isMap ? ~outer : outer;
}

/** Skips what stands behind a token from 0xc0 to 0xdf, or enters it; gives the next position. */
function skipField(buffer: Buffer, start: number, end: number, token: number): number {
  const field = fieldBytes[token - 0xc0] as number;
  if (field < 0) throw bad(`the token 0x${token.toString(16)} is not allowed`);
  const position = start + field;
  if (position > end) throw bad('it ends early');
  if (token < 0xc4 || (token >= 0xca && token <= 0xd3)) return position;
  if (token >= 0xd4 ? token <= 0xd8 : token >= 0xc7) {
    checkExtension(buffer, start, token);
    return position;
  }
  if (token <= 0xc6) countObject();
  const length = readLength(buffer, start, field);
  if (token < 0xdc) return position + length;
  enter(length, token >= 0xde, end - position);
  return position;
}

function readLength(buffer: Buffer, start: number, field: number): number {
  let length = 0;
  for (let index = 0; index < field; index++) {
    length = length * 256 + (buffer[start + index] as number);
  }
  return length;
}

/**
 * Bytes of the fixed part behind each token from 0xc0 to 0xdf: a length field for strings, bytes,
 * arrays and maps, the whole rest for numbers and the extensions that are allowed; -1 if forbidden.
 */
const fieldBytes = [
  0, -1, 0, 0, 1, 2, 4, 14, -1, -1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, -1, 5, 9, -1, 1, 2, 4, 2, 4, 2,
  4,
] as const;

function isString(token: number): boolean {
  return (token >= 0xa0 && token < 0xc0) || (token >= 0xd9 && token <= 0xdb);
}

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

function bad(why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_DECODE', `Value cannot be decoded: ${why}`, {
    final: true,
  });
}
