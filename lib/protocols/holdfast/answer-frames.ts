import type { RemoteFailure } from '../../errors.ts';
import type { Refusal, UnknownFate } from '../protocol.ts';
import { numberFrame, valueFrame } from './control-frames.ts';
import { FrameType, lengthBytes } from './frames.ts';

/** Longest code and longest message of an answer, in UTF-16 units. */
const maxTextLength = 8 * 1024;

/** An ERROR frame that fits into what the client takes: texts are cut, data is left out. */
export function encodeFailure(
  number: number,
  { code, message, data, transient = false, retried = false }: RemoteFailure,
  maxFrameBytes: number,
): Buffer {
  const texts = [clip(code, maxFrameBytes), clip(message, maxFrameBytes)];
  const more = retried ? [transient, true] : transient ? [true] : [];
  try {
    const frame = numbered(FrameType.error, number, [...texts, data ?? null, ...more]);
    if (frame.length <= maxFrameBytes) return frame;
  } catch {
    // The data cannot be encoded: what happened is worth more than the data.
  }
  return numbered(FrameType.error, number, [...texts, null, ...more]);
}

/** A REFUSED frame that fits into what the client takes. */
export function encodeRefusal(
  number: number,
  { code, message, retryAfterMs, final, retried = false }: Refusal,
  maxFrameBytes: number,
): Buffer {
  const list = [code, clip(message, maxFrameBytes), retryAfterMs ?? null, final];
  if (retried) list.push(true);
  return numbered(FrameType.refused, number, list);
}

/** An UNKNOWN frame that fits into what the client takes. */
export function encodeUnknown(
  number: number,
  { code, message }: UnknownFate,
  maxFrameBytes: number,
): Buffer {
  return numbered(FrameType.unknown, number, [code, clip(message, maxFrameBytes)]);
}

function clip(text: string, maxFrameBytes: number): string {
  const maxLength = Math.min(maxTextLength, Math.floor(maxFrameBytes / 8));
  return text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
}

function numbered(
  type: typeof FrameType.error | typeof FrameType.refused | typeof FrameType.unknown,
  number: number,
  list: unknown,
): Buffer {
  const head = numberFrame(type, number);
  const value = valueFrame(type, list).subarray(lengthBytes + 1);
  const frame = Buffer.concat([head, value]);
  frame.writeUInt32BE(frame.length - lengthBytes, 0);
  return frame;
}
