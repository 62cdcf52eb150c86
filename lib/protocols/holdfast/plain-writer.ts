import { maxDepth } from './inspect.ts';

/**
 * Plain values by hand: arrays and objects of what JSON has too, byte for byte as msgpackr has them.
 * Its own way, and the look at what it has written, cost twice as much for them.
 */

/** Where the next byte goes, and where the memory ends. Shared, since nothing here yields. */
let position = 0;
let limit = 0;

/** Most bytes of a number and of what stands before a string, an array or a map. */
const headBytes = 9;

const float = new Float64Array(1);
const floatBytes = new Uint8Array(float.buffer);
const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * Writes an array or an object; gives its end, or -1 when something in it is not plain, or there is
 * too little room. Runs getters of the application.
 */
export function writePlain(buffer: Buffer, start: number, value: unknown): number {
  if (typeof value !== 'object') return -1;
  position = start;
  limit = buffer.length;
  return writeValue(buffer, value, 0) ? position : -1;
}

/** Each of these is false when that cannot be written here. */
function writeValue(buffer: Buffer, value: unknown, depth: number): boolean {
  if (position + headBytes > limit) return false;
  switch (typeof value) {
    case 'string':
      return writeText(buffer, value);
    case 'number':
      writeNumber(buffer, value);
      return true;
    case 'boolean':
      buffer[position++] = value ? 0xc3 : 0xc2;
      return true;
    case 'object':
      return writeObject(buffer, value, depth);
    case 'undefined':
      buffer[position] = 0xd4;
      buffer[position + 1] = 0;
      buffer[position + 2] = 0;
      position += 3;
      return true;
    case 'bigint':
    case 'symbol':
    case 'function':
      return false;
  }
}

function writeObject(buffer: Buffer, value: object | null, depth: number): boolean {
  if (value === null) {
    buffer[position++] = 0xc0;
    return true;
  }
  if (depth === maxDepth) return false;
  const kind: unknown = value.constructor;
  if (kind === Array) return writeArray(buffer, value as readonly unknown[], depth + 1);
  if (kind !== Object || 'toJSON' in value) return false;
  return writeMap(buffer, value as Readonly<Record<string, unknown>>, depth + 1);
}

function writeArray(buffer: Buffer, value: readonly unknown[], depth: number): boolean {
  const { length } = value;
  if (length < 0x10) {
    buffer[position++] = 0x90 | length;
  } else {
    if (length >= 0x1_0000) return false;
    buffer[position++] = 0xdc;
    buffer[position++] = length >>> 8;
    buffer[position++] = length;
  }
  for (let index = 0; index < length; index++) {
    if (!writeValue(buffer, value[index], depth)) return false;
  }
  return true;
}

const isOwn = Object.prototype.hasOwnProperty;

function writeMap(
  buffer: Buffer,
  value: Readonly<Record<string, unknown>>,
  depth: number,
): boolean {
  const start = position++;
  let size = 0;
  // V8 has a quick way for this loop with this test, and none for keys that were asked for before.
  for (const key in value) {
    if (!isOwn.call(value, key)) continue;
    if (position + headBytes > limit || !writeText(buffer, key)) return false;
    if (!writeValue(buffer, value[key], depth)) return false;
    size++;
  }
  if (size >= 0x10) return beginLarge(buffer, start, size);
  buffer[start] = 0x80 | size;
  return true;
}

/** How many entries there are takes more bytes than were left for it. */
function beginLarge(buffer: Buffer, start: number, size: number): boolean {
  if (size >= 0x1_0000 || position + 2 > limit) return false;
  buffer.copyWithin(start + 3, start + 1, position);
  buffer[start] = 0xde;
  buffer[start + 1] = size >>> 8;
  buffer[start + 2] = size;
  position += 2;
  return true;
}

function writeNumber(buffer: Buffer, value: number): void {
  if (value >>> 0 === value) writeUnsigned(buffer, value);
  else if (value >> 0 === value) writeNegative(buffer, value);
  else writeFloat(buffer, value);
}

function writeUnsigned(buffer: Buffer, value: number): void {
  if (value < 0x80) {
    buffer[position++] = value;
  } else if (value < 0x100) {
    buffer[position++] = 0xcc;
    buffer[position++] = value;
  } else if (value < 0x1_0000) {
    writeHead(buffer, 0xcd, value);
  } else {
    buffer[position++] = 0xce;
    writeBytes(buffer, value);
  }
}

function writeNegative(buffer: Buffer, value: number): void {
  if (value >= -0x20) {
    buffer[position++] = value;
  } else if (value >= -0x80) {
    buffer[position++] = 0xd0;
    buffer[position++] = value;
  } else if (value >= -0x8000) {
    writeHead(buffer, 0xd1, value);
  } else {
    buffer[position++] = 0xd2;
    writeBytes(buffer, value);
  }
}

/** A token and 16 bits. */
function writeHead(buffer: Buffer, token: number, value: number): void {
  buffer[position] = token;
  buffer[position + 1] = value >>> 8;
  buffer[position + 2] = value;
  position += 3;
}

/** 32 bits. */
function writeBytes(buffer: Buffer, value: number): void {
  buffer[position] = value >>> 24;
  buffer[position + 1] = value >>> 16;
  buffer[position + 2] = value >>> 8;
  buffer[position + 3] = value;
  position += 4;
}

function writeFloat(buffer: Buffer, value: number): void {
  float[0] = value;
  buffer[position++] = 0xcb;
  for (let index = 0; index < 8; index++) {
    buffer[position++] = floatBytes[isLittleEndian ? 7 - index : index] as number;
  }
}

function writeText(buffer: Buffer, text: string): boolean {
  const { length } = text;
  if (length >= 0x20) return writeLong(buffer, text);
  const start = position + 1;
  if (start + length > limit) return false;
  for (let index = 0; index < length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0x80) return writeLong(buffer, text);
    buffer[start + index] = unit;
  }
  buffer[position] = 0xa0 | length;
  position = start + length;
  return true;
}

function writeLong(buffer: Buffer, text: string): boolean {
  const { length } = text;
  if (position + headBytes + 3 * length > limit) return false;
  // Of shorter strings msgpackr encodes lone surrogates in its own way.
  if (length < 0x40 && /\p{Surrogate}/u.test(text)) return false;
  const guessed = headOf(length);
  const bytes = buffer.write(text, position + guessed);
  const head = headOf(bytes);
  if (head !== guessed) {
    buffer.copyWithin(position + head, position + guessed, position + guessed + bytes);
  }
  writeTextHead(buffer, head, bytes);
  position += bytes;
  return true;
}

/** Bytes before a string. */
function headOf(bytes: number): number {
  if (bytes < 0x20) return 1;
  if (bytes < 0x100) return 2;
  return bytes < 0x1_0000 ? 3 : 5;
}

function writeTextHead(buffer: Buffer, head: number, bytes: number): void {
  if (head === 1) {
    buffer[position++] = 0xa0 | bytes;
  } else if (head === 2) {
    buffer[position++] = 0xd9;
    buffer[position++] = bytes;
  } else if (head === 3) {
    writeHead(buffer, 0xda, bytes);
  } else {
    buffer[position++] = 0xdb;
    writeBytes(buffer, bytes);
  }
}
