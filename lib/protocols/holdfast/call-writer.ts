import { HoldfastError } from '../../errors.ts';
import type { CallWriter, EncodedCall } from '../protocol.ts';
import { FrameWriter } from './frame-writer.ts';
import {
  callHeaderBytes,
  FrameType,
  maxRemainingMs,
  replayMark,
  writeNumber,
  writeUint32,
} from './frames.ts';

/** Longest key of a `once` call, in bytes of UTF-8. */
const maxKeyBytes = 255;

/** Writes CALL frames. */
export class HoldfastCallWriter extends FrameWriter implements CallWriter {
  /** A server acts on whole frames only. */
  readonly tailBytes = 0;

  /** The verb goes by its place in the server's table, which {@link stamp} fills in. */
  write(
    number: number,
    _verb: string,
    key: string | undefined,
    input: unknown,
    maxFrameBytes: number,
  ): void {
    const keyBytes = key === undefined ? 0 : keyLength(key);
    const form = this.encode(callHeaderBytes + keyBytes, input, maxFrameBytes);
    const { buffer, start } = this;
    buffer[start + 4] = FrameType.call;
    buffer[start + 5] = form;
    writeNumber(buffer, start + 8, number);
    buffer[start + 14] = 1;
    buffer[start + 15] = keyBytes;
    if (key !== undefined) buffer.write(key, start + callHeaderBytes, 'utf8');
  }

  stamp(
    call: EncodedCall,
    verbIndex: number,
    attempt: number,
    remainingMs: number,
    isReplay = false,
  ): void {
    const { buffer, start } = call;
    buffer[start + 6] = verbIndex >>> 8;
    buffer[start + 7] = verbIndex;
    if (attempt > 1 || isReplay) {
      const form = (buffer[start + 5] as number) & ~replayMark;
      buffer[start + 5] = isReplay ? form | replayMark : form;
      buffer[start + 14] = Math.min(attempt, 255);
    }
    const leftMs = Math.min(Math.max(0, remainingMs), maxRemainingMs);
    writeUint32(buffer, start + 16, Math.ceil(leftMs));
  }

  renumber({ buffer, start }: EncodedCall, number: number): void {
    writeNumber(buffer, start + 8, number);
  }
}

function keyLength(key: string): number {
  const bytes = Buffer.byteLength(key);
  if (bytes < 1 || bytes > maxKeyBytes) {
    throw keyError(`must have 1 to ${maxKeyBytes} bytes, got ${bytes}`);
  }
  // All lone surrogates are the same in UTF-8, and two keys would be one.
  if (/\p{Surrogate}/u.test(key)) throw keyError('must have no lone surrogate');
  return bytes;
}

function keyError(why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_OPTION', `Option "key" ${why}`, { final: true });
}
