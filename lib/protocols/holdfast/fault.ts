import { type ErrorCode, errorCodes, HoldfastError } from '../../errors.ts';
import { valueFrame } from './control-frames.ts';
import { FrameType, ValueForm } from './frames.ts';
import { unpackValue } from './values.ts';

/** The last frame on a link that is given up: why. */
export function encodeFault(error: HoldfastError): Buffer {
  return valueFrame(FrameType.fault, [
    error.code,
    error.message,
    error.retryAfterMs ?? null,
    error.final,
  ]);
}

/** A fault that arrived, as the error that it is on this side. */
export function decodeFault(buffer: Buffer, start: number, end: number): HoldfastError {
  const [code, message, retryAfterMs, final] = fields(buffer, start, end);
  const known = Object.hasOwn(errorCodes, code);
  return new HoldfastError(
    known ? (code as ErrorCode) : 'ERR_HOLDFAST_PROTOCOL',
    `Peer gave the link up: ${message}`,
    { retryAfterMs: delay(retryAfterMs), final: final === true },
  );
}

/** The list that a FAULT, ERROR or REFUSED frame carries: a code, a message, and more. */
export function fields(
  buffer: Buffer,
  start: number,
  end: number,
): readonly [code: string, message: string, ...more: unknown[]] {
  const value = unpackValue(ValueForm.msgpack, buffer, start, end, false);
  if (Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'string') {
    return value as [string, string, ...unknown[]];
  }
  throw new HoldfastError('ERR_HOLDFAST_PROTOCOL', 'Frame must carry a code and a message');
}

/** A delay that arrived: a hint that is not a sensible number is no hint. */
export function delay(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value) ? value : undefined;
}
