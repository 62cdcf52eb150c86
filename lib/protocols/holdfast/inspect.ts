import { HoldfastError } from '../../errors.ts';

/** Deepest nesting of arrays and maps in a value. */
export const maxDepth = 100;

/** How many items are still to come at each level; shared, since inspection never yields. */
const remaining = new Int32Array(maxDepth + 1);

/**
 * Walks over a msgpack value without building it, and throws `ERR_HOLDFAST_DECODE` unless it is one
 * whole value made of what PROTOCOL.md allows: no extension but timestamps and `undefined`, no key
 * but strings, no length that goes beyond the end, no nesting deeper than {@link maxDepth}. What
 * passes costs no more memory than its own size multiplied by a small constant.
 */
export function inspectValue(buffer: Buffer, start: number, end: number): void {
  let position = start;
  let depth = 0;
  // Bit 31 of a level's count marks a map; its count runs over keys and values alike.
  let left = 1;
  let isMap = false;
  for (;;) {
    while (left === 0) {
      if (depth === 0) {
        if (position !== end) throw bad(`${end - position} bytes follow the value`);
        return;
      }
      const outer = remaining[--depth] as number;
      isMap = outer < 0;
      left = outer & 0x7fff_ffff;
    }
    if (position >= end) throw bad('it ends early');
    const token = buffer[position++] as number;
    // In a map keys and values alternate, the first of an even number being a key.
    if (isMap && (left & 1) === 0 && !isString(token)) throw bad('a key is not a string');
    left--;
    let children = -1;
    let childIsMap = false;
    if (token < 0x80 || token >= 0xe0 || token === 0xc0 || token === 0xc2 || token === 0xc3) {
      continue;
    } else if (token >= 0xa0 && token < 0xc0) {
      position += token & 0x1f;
    } else if (token < 0x90) {
      childIsMap = true;
      children = token & 0x0f;
    } else if (token < 0xa0) {
      children = token & 0x0f;
    } else {
      const field = fieldBytes[token - 0xc0] as number;
      if (field < 0) throw bad(`the token 0x${token.toString(16)} is not allowed`);
      if (position + field > end) throw bad('it ends early');
      if (token === 0xd4 || token === 0xd6 || token === 0xd7 || token === 0xc7) {
        checkExtension(buffer, position, token);
        position += field;
      } else if (token >= 0xca && token <= 0xd3) {
        position += field;
      } else {
        let length = 0;
        for (let index = 0; index < field; index++) {
          length = length * 256 + (buffer[position++] as number);
        }
        if (token >= 0xdc) {
          childIsMap = token >= 0xde;
          children = length;
        } else {
          position += length;
        }
      }
    }
    if (position > end) throw bad('a length goes beyond its end');
    if (children < 0) continue;
    const items = childIsMap ? children * 2 : children;
    if (items > end - position) throw bad('a length goes beyond its end');
    if (depth === maxDepth) throw bad(`it is nested deeper than ${maxDepth}`);
    remaining[depth++] = isMap ? left | ~0x7fff_ffff : left;
    left = items;
    isMap = childIsMap;
  }
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
}

function bad(why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_DECODE', `Value cannot be decoded: ${why}`, {
    final: true,
  });
}
