import { type FrameType, lengthBytes, writeNumber, writeUint32 } from './frames.ts';
import { packValue } from './values.ts';

/** A frame that has a type and a 48-bit number. */
export function numberFrame(type: FrameType, number: number): Buffer {
  return numbersFrame(type, [number]);
}

/** A frame that has a type and 48-bit numbers. */
export function numbersFrame(type: FrameType, numbers: readonly number[]): Buffer {
  const frame = frameOf(type, 6 * numbers.length);
  for (const [index, number] of numbers.entries()) writeNumber(frame, 5 + 6 * index, number);
  return frame;
}

/** A frame that has a type and a 32-bit number. */
export function uint32Frame(type: FrameType, value: number): Buffer {
  const frame = frameOf(type, 4);
  writeUint32(frame, 5, value);
  return frame;
}

/** A frame that has a type and a msgpack value. */
export function valueFrame(type: FrameType, value: unknown): Buffer {
  return frameOfParts(type, [packValue(value)]);
}

/** A frame whose body is these parts. */
export function frameOfParts(type: FrameType, parts: readonly Uint8Array[]): Buffer {
  const frame = frameOf(
    type,
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = lengthBytes + 1;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

function frameOf(type: FrameType, bodyBytes: number): Buffer {
  const frame = Buffer.allocUnsafe(lengthBytes + 1 + bodyBytes);
  writeUint32(frame, 0, 1 + bodyBytes);
  frame[lengthBytes] = type;
  return frame;
}
