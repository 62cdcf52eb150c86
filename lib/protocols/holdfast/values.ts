import { Packr, RESERVE_START_SPACE, REUSE_BUFFER_MODE, Unpackr } from 'msgpackr';
import { HoldfastError, isHoldfastError, messageOf } from '../../errors.ts';
import { ValueForm } from './frames.ts';
import { inspectValue } from './inspect.ts';
import { isEndless } from './parts.ts';
import { writePlain } from './plain-writer.ts';
import { isShort, readShort } from './short-values.ts';
import { refuseViews } from './views.ts';

const packr = new Packr({
  useRecords: false,
  variableMapSize: true,
  writeFunction: () => {
    throw new Error('a function cannot be encoded');
  },
  onInvalidDate: () => {
    throw new Error('a date is invalid');
  },
} as ConstructorParameters<typeof Packr>[0]) as Packr & { position: number };

/** An application's `toJSON` or getter runs within. */
let isPacking = false;

/** msgpackr asks for this before it packs any of the things that it may pack wrongly. */
let mayHaveViews = false;
Object.defineProperty(packr, 'moreTypes', {
  get: () => {
    mayHaveViews = true;
    return false;
  },
});

/** What is being packed. */
let packing: unknown;

/**
 * In place of `copy` of the memory that values are packed into: msgpackr calls it when a value
 * outgrows the memory, once. It packs a cycle until the stack is full, with all that is beside it in
 * each round, which may take seconds and gigabytes; so this is the time to look for one.
 */
const copyUnlessEndless: Buffer['copy'] = function (this: Buffer, ...args) {
  if (isPacking && isEndless(packing)) throw new Error(endless);
  return Buffer.prototype.copy.apply(this, args);
};

const endless = 'it is cyclic or nested too deeply';

type UnpackOptions = ConstructorParameters<typeof Unpackr>[0];

/** Integers of 64 bits become numbers where that is exact; msgpackr's types do not know `auto`. */
function unpackOptions(more: { copyBuffers?: boolean }): UnpackOptions {
  return { useRecords: false, int64AsType: 'auto', ...more } as unknown as UnpackOptions;
}

/** For memory that is reused after the call: bytes are copied out of it. */
const copying = new Unpackr(unpackOptions({ copyBuffers: true }));

/** For memory that belongs to one message: bytes are parts of it. */
const sharing = new Unpackr(unpackOptions({}));

/**
 * msgpackr's output buffer is one for the whole process, the application's own use of msgpackr
 * included. After each use we leave it this one, which is full: whoever comes next takes a new one
 * and nobody writes over what another has packed.
 */
const fullBuffer = Buffer.allocUnsafeSlow(8192);

/** Room that msgpackr wants before it starts to write in a buffer; with less it takes another. */
export const packRoomBytes: number = 0x800 + 64;

/** Where {@link packInto} put a value. */
export interface Packed {
  buffer: Buffer;
  /** Offset in `buffer` of the position that was asked for, minus the bytes kept free before it. */
  start: number;
  end: number;
}

/**
 * Packs a value into `buffer`, leaving `headerBytes` free from `start` on. When it does not fit,
 * the result is in a new buffer. `buffer` must have {@link packRoomBytes} from `start` on.
 *
 * @throws HoldfastError `ERR_HOLDFAST_ENCODE`
 */
export function packInto(
  buffer: Buffer,
  start: number,
  headerBytes: number,
  value: unknown,
  result: Packed,
): void {
  refuseNesting();
  if (packPlain(buffer, start, headerBytes, value, result)) return;
  // msgpackr starts at multiples of eight and keeps what is reserved: the difference goes there.
  const aligned = start & ~7;
  const reserved = start - aligned + headerBytes;
  if (reserved > maxReserved) {
    packApart(headerBytes, value, result);
    return;
  }
  packr.useBuffer(buffer);
  packr.position = aligned;
  // On each buffer, since msgpackr's own ones come to be used as well.
  if (buffer.copy !== copyUnlessEndless) buffer.copy = copyUnlessEndless;
  isPacking = true;
  packing = value;
  mayHaveViews = false;
  try {
    const target = packr.pack(
      value,
      REUSE_BUFFER_MODE | RESERVE_START_SPACE | reserved,
    ) as Buffer & {
      start: number;
    };
    result.end = (packr as unknown as { offset: number }).offset;
    result.buffer = target;
    result.start = target === buffer ? start : target.start + start - aligned;
    // What this side sends the other must take: no other keys than strings, no deeper nesting.
    if (typeof value === 'object') {
      inspectValue(result.buffer, result.start + headerBytes, result.end);
    }
    if (mayHaveViews) refuseViews(value);
  } catch (error) {
    throw encodeError(error);
  } finally {
    isPacking = false;
    packing = undefined;
    packr.useBuffer(fullBuffer);
    packr.position = fullBuffer.length;
  }
}

/** The quick way; false when the value has to go the other. */
function packPlain(
  buffer: Buffer,
  start: number,
  headerBytes: number,
  value: unknown,
  result: Packed,
): boolean {
  isPacking = true;
  try {
    const end = writePlain(buffer, start + headerBytes, value);
    if (end < 0) return false;
    result.buffer = buffer;
    result.start = start;
    result.end = end;
    return true;
  } catch (error) {
    throw encodeError(error);
  } finally {
    isPacking = false;
  }
}

/** msgpackr keeps no more free than this. */
const maxReserved = 255;

/** Packs a value behind a header for which msgpackr cannot keep room. */
function packApart(headerBytes: number, value: unknown, result: Packed): void {
  const packed = packValue(value);
  result.buffer = Buffer.allocUnsafeSlow(headerBytes + packed.length);
  packed.copy(result.buffer, headerBytes);
  result.start = 0;
  result.end = result.buffer.length;
}

/**
 * What a `toJSON` or a getter may not do: the memory at hand is that of the value around it.
 *
 * @throws HoldfastError `ERR_HOLDFAST_ENCODE`
 */
export function refuseNesting(): void {
  if (isPacking) throw encodeError(new Error('another value is being encoded'));
}

/** Packs a value into memory of its own. */
export function packValue(value: unknown): Buffer {
  const result: Packed = { buffer: fullBuffer, start: 0, end: 0 };
  packInto(Buffer.allocUnsafeSlow(packRoomBytes), 0, 0, value, result);
  return result.buffer.subarray(result.start, result.end);
}

/**
 * Decodes the value in `[start, end)`. `owned` says that the memory belongs to this message, so
 * that bytes need not be copied out of it.
 *
 * @throws HoldfastError `ERR_HOLDFAST_DECODE`
 */
export function unpackValue(
  form: number,
  buffer: Buffer,
  start: number,
  end: number,
  owned: boolean,
): unknown {
  if (form === ValueForm.msgpack) return unpackMsgpack(buffer, start, end, owned);
  if (form === ValueForm.bytes) {
    return owned ? buffer.subarray(start, end) : Buffer.from(buffer.subarray(start, end));
  }
  if (form === ValueForm.none && start === end) return undefined;
  throw new HoldfastError('ERR_HOLDFAST_DECODE', `Value cannot be decoded: its form is ${form}`, {
    final: true,
  });
}

function unpackMsgpack(buffer: Buffer, start: number, end: number, owned: boolean): unknown {
  if (isShort(buffer, start, end)) return readShort(buffer, start, end);
  inspectValue(buffer, start, end);
  try {
    return (owned ? sharing : copying).unpack(buffer, { start, end });
  } catch (cause) {
    const message = `Value cannot be decoded: ${messageOf(cause)}`;
    throw new HoldfastError('ERR_HOLDFAST_DECODE', message, { cause, final: true });
  }
}

function encodeError(cause: unknown): HoldfastError {
  const why = isHoldfastError(cause)
    ? cause.message.replace(/^Value cannot be (en|de)coded: /, '')
    : cause instanceof RangeError && /call stack/i.test(cause.message)
      ? endless
      : messageOf(cause);
  return new HoldfastError('ERR_HOLDFAST_ENCODE', `Value cannot be encoded: ${why}`, {
    cause,
    final: true,
  });
}
