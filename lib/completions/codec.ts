import type { RemoteFailure } from '../errors.ts';
import { ValueForm } from '../protocols/holdfast/frames.ts';
import { packValue, unpackValue } from '../protocols/holdfast/values.ts';
import type { Completion } from './store.ts';

/** The first byte of a completion in a store's keeping; the numbers are for ever. */
const Kind = { nothing: 0, value: 1, bytes: 2, error: 3 } as const;

/** A completion as bytes, for stores that keep it outside this process. */
export function encodeCompletion(completion: Completion): Buffer {
  if (completion.kind === 'error') {
    const { code, message, data } = completion.failure;
    const list = data === undefined ? [code, message] : [code, message, data];
    return Buffer.concat([Buffer.of(Kind.error), packValue(list)]);
  }
  const { value, isBytes } = completion;
  if (value === undefined) return Buffer.of(Kind.nothing);
  return Buffer.concat([Buffer.of(isBytes ? Kind.bytes : Kind.value), value]);
}

/**
 * What {@link encodeCompletion} made, in memory of its own.
 *
 * @throws HoldfastError `ERR_HOLDFAST_DECODE` and others when the bytes are nothing of the kind
 */
export function decodeCompletion(bytes: Uint8Array): Completion {
  const kind = bytes[0] ?? -1;
  const value = Buffer.from(bytes.subarray(1));
  switch (kind) {
    case Kind.nothing:
      return { kind: 'reply', value: undefined, isBytes: false };
    case Kind.value:
    case Kind.bytes:
      return { kind: 'reply', value, isBytes: kind === Kind.bytes };
    case Kind.error: {
      const list = unpackValue(ValueForm.msgpack, value, 0, value.length, true);
      const [code, message, data] = list as [string, string, unknown?];
      const failure = data === undefined ? { code, message } : { code, message, data };
      return { kind: 'error', failure };
    }
    default:
      throw new Error(`A completion of kind ${kind} cannot be read; is it a newer version's?`);
  }
}

/** Longest code and message that are recorded, in UTF-16 units. */
const maxTextLength = 8 * 1024;

/**
 * A handler's failure as it can be recorded: of bounded size, and with data that will not change.
 * Data that cannot be encoded is left out, as it is on the wire.
 */
export function recordedFailure(
  { code, message, data }: RemoteFailure,
  maxBytes: number,
): Completion {
  const texts = { code: clip(code), message: clip(message) };
  if (data === undefined) return { kind: 'error', failure: texts };
  try {
    const bytes = encodeCompletion({ kind: 'error', failure: { ...texts, data } });
    if (bytes.length <= maxBytes) return decodeCompletion(bytes);
  } catch {
    // What happened is worth more than the data.
  }
  return { kind: 'error', failure: texts };
}

function clip(text: string): string {
  return text.length > maxTextLength ? `${text.slice(0, maxTextLength)}…` : text;
}
