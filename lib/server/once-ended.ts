import { createHash } from 'node:crypto';
import { recordedFailure } from '../completions/codec.ts';
import { type Completion, replyNotKept } from '../completions/store.ts';
import type { RemoteFailure } from '../errors.ts';
import { ValueForm } from '../protocols/holdfast/frames.ts';
import type { ArrivedCall } from '../protocols/holdfast/server-wire.ts';
import { packValue, unpackValue } from '../protocols/holdfast/values.ts';

/** How a handler ended: what those who wait are told, and what is kept for later. */
export interface Ended {
  readonly answer: Completion;
  /** The same, unless it is too large to keep. */
  readonly record: Completion;
}

/**
 * A handler has returned.
 *
 * @throws HoldfastError `ERR_HOLDFAST_ENCODE`
 */
export function endedWith(output: unknown, maxBytes: number): Ended {
  if (output === undefined) return same({ kind: 'reply', value: undefined, isBytes: false });
  const isBytes = output instanceof Uint8Array;
  // A copy: the handler may go on using what it returned.
  const value = isBytes ? Buffer.from(output) : packValue(output);
  const answer: Completion = { kind: 'reply', value, isBytes };
  return value.length <= maxBytes ? same(answer) : { answer, record: replyNotKept(value.length) };
}

/** A handler has failed. */
export function endedIn(failure: RemoteFailure, maxBytes: number): Ended {
  const record = recordedFailure(failure, maxBytes);
  return { answer: { kind: 'error', failure }, record };
}

function same(completion: Completion): Ended {
  return { answer: completion, record: completion };
}

/** What a handler returned, from its record. */
export function outputOf({ value, isBytes }: Completion & { kind: 'reply' }): unknown {
  if (value === undefined || isBytes) return value;
  return unpackValue(ValueForm.msgpack, value as Buffer, 0, value.length, false);
}

/** What tells a repeat from another call under the same key. */
export function fingerprintOf(verb: string, arrived: ArrivedCall): string {
  const { form, buffer, valueStart, valueEnd } = arrived;
  const hash = createHash('sha256').update(`${verb}\0${form}\0`);
  return hash.update(buffer.subarray(valueStart, valueEnd)).digest('base64');
}
