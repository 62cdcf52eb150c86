import { HoldfastError } from '../../errors.ts';
import type { Verdict } from '../protocol.ts';
import { FrameType, lengthBytes, readNumber, writeNumber, writeUint32 } from './frames.ts';

/** Most calls that a client asks about at a time: 96 KiB of numbers. */
export const maxResumed: number = 16 * 1024;

/** A verdict travels as its place in this list. */
const verdictCodes: readonly Verdict[] = ['never', 'running', 'done', 'forgotten'];

const numberBytes = 6;

/** The numbers of calls, one behind the other. */
export function encodeNumbers(numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * numberBytes);
  for (const [index, number] of numbers.entries()) {
    writeNumber(bytes, index * numberBytes, number);
  }
  return bytes;
}

/** Throws `ERR_HOLDFAST_PROTOCOL` when they are not whole numbers, or too many. */
export function decodeNumbers(name: string, bytes: Uint8Array): number[] {
  if (bytes.length % numberBytes !== 0) {
    throw wrong(`${name} must have ${numberBytes} bytes for each call`);
  }
  const count = bytes.length / numberBytes;
  if (count > maxResumed) throw wrong(`${name} names more than ${maxResumed} calls`);
  return Array.from({ length: count }, (_, index) =>
    readNumber(bytes as Buffer, index * numberBytes),
  );
}

/** One byte for each verdict. */
export function encodeVerdicts(verdicts: readonly Verdict[]): Buffer {
  return Buffer.from(verdicts.map((verdict) => verdictCodes.indexOf(verdict)));
}

/** What this version does not know helps nobody: the fate is not known. */
export function decodeVerdicts(bytes: Uint8Array): Verdict[] {
  return Array.from(bytes, (code) => verdictCodes[code] ?? 'forgotten');
}

/** ASK: what became of these calls? */
export function askFrame(numbers: readonly number[]): Buffer {
  return frameOf(FrameType.ask, encodeNumbers(numbers));
}

/** VERDICTS: the answer to ASK, the numbers first, then one byte for each. */
export function verdictsFrame(numbers: readonly number[], verdicts: readonly Verdict[]): Buffer {
  const body = Buffer.concat([encodeNumbers(numbers), encodeVerdicts(verdicts)]);
  return frameOf(FrameType.verdicts, body);
}

/** Tells each verdict of a VERDICTS frame. */
export function readVerdicts(
  body: Uint8Array,
  tell: (number: number, verdict: Verdict) => void,
): void {
  const count = body.length / (numberBytes + 1);
  if (!Number.isInteger(count)) throw wrong('VERDICTS must have 7 bytes for each call');
  const numbers = decodeNumbers('VERDICTS', body.subarray(0, count * numberBytes));
  const verdicts = decodeVerdicts(body.subarray(count * numberBytes));
  for (const [index, number] of numbers.entries()) tell(number, verdicts[index] as Verdict);
}

function frameOf(type: FrameType, body: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(lengthBytes + 1 + body.length);
  writeUint32(frame, 0, 1 + body.length);
  frame[lengthBytes] = type;
  body.copy(frame, lengthBytes + 1);
  return frame;
}

function wrong(why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_PROTOCOL', why, { final: true });
}
