import { type CallKind, calls } from '../../contender.ts';

/** A value as JSON carries it: bytes as base64. */
export function toJson(value: unknown): unknown {
  return Buffer.isBuffer(value) ? value.toString('base64') : value;
}

/** A reply that came as JSON. */
export function fromJson(kind: CallKind, value: unknown): unknown {
  return Buffer.isBuffer(calls[kind].reply) ? Buffer.from(value as string, 'base64') : value;
}
