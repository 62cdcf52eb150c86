/**
 * The most frequent values by hand: short strings, small numbers, null and booleans, byte for byte
 * as msgpackr has them. Its own way costs three to five times as much for them.
 */

/** Characters of ASCII that a loop writes faster than a native method is called. */
const maxLoopLength = 20;

/** The same, the other way round. */
const maxUnits = 12;

/** Longest string that is written by hand: its bytes and their header fit into 4 KiB. */
const maxLength = 1024;

/** Room for the characters of one string, by their number. */
const unitsOf: readonly number[][] = Array.from({ length: maxUnits + 1 }, (_, length) =>
  new Array(length).fill(0),
);

/**
 * Writes a value; gives its end, or -1 when it is none of those. There must be room for 4 KiB.
 */
export function writeShort(buffer: Buffer, start: number, value: unknown): number {
  if (typeof value === 'string') return writeText(buffer, start, value);
  let token: number;
  if (typeof value === 'number') token = (value & 0x7f) === value ? value : -1;
  else if (value === null) token = 0xc0;
  else if (value === false) token = 0xc2;
  else if (value === true) token = 0xc3;
  else token = -1;
  if (token < 0) return -1;
  buffer[start] = token;
  return start + 1;
}

function writeText(buffer: Buffer, start: number, text: string): number {
  const { length } = text;
  if (length <= maxLoopLength) {
    for (let index = 0; index < length; index++) {
      const unit = text.charCodeAt(index);
      if (unit >= 0x80) return -1;
      buffer[start + 1 + index] = unit;
    }
    buffer[start] = 0xa0 | length;
    return start + 1 + length;
  }
  // What is shorter msgpackr encodes by itself, lone surrogates in its own way.
  if (length < 0x40 || length > maxLength) return -1;
  const headerBytes = length < 0x100 ? 2 : 3;
  const bytes = buffer.write(text, start + headerBytes);
  if (headerBytes === 3) {
    buffer[start] = 0xda;
    buffer[start + 1] = bytes >>> 8;
    buffer[start + 2] = bytes;
  } else {
    if (bytes > 0xff) return -1;
    buffer[start] = 0xd9;
    buffer[start + 1] = bytes;
  }
  return start + headerBytes + bytes;
}

/** True when `[start, end)` is a value that {@link readShort} reads. */
export function isShort(buffer: Buffer, start: number, end: number): boolean {
  if (start >= end) return false;
  const token = buffer[start] as number;
  if (token >= 0xa0 && token < 0xc0) return start + 1 + (token & 0x1f) === end;
  if (token === 0xd9) return start + 2 + (buffer[start + 1] as number) === end;
  return start + 1 === end && (token < 0x80 || token === 0xc0 || token === 0xc2 || token === 0xc3);
}

/** Reads such a value. */
export function readShort(buffer: Buffer, start: number, end: number): unknown {
  const token = buffer[start] as number;
  if (token === 0xd9) return readText(buffer, start + 2, end);
  if (token < 0x80) return token;
  if (token < 0xc0) return readText(buffer, start + 1, end);
  return token === 0xc0 ? null : token === 0xc3;
}

function readText(buffer: Buffer, start: number, end: number): string {
  const length = end - start;
  const units = unitsOf[length];
  if (units === undefined) return buffer.toString(undefined, start, end);
  for (let index = 0; index < length; index++) {
    const unit = buffer[start + index] as number;
    if (unit >= 0x80) return buffer.toString(undefined, start, end);
    units[index] = unit;
  }
  return String.fromCharCode.apply(undefined, units);
}
