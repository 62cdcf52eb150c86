import { ValueForm } from '../../protocols/holdfast/frames.ts';
import { packValue, unpackValue } from '../../protocols/holdfast/values.ts';
import { decodeCompletion, encodeCompletion } from '../codec.ts';
import type { BeginRequest, Completion } from '../store.ts';

/** A call as the database has it. */
export interface StoredRecord {
  readonly fingerprint: string;
  readonly owner: string;
  readonly ticket: number;
  /** Whose lease says whether the call's process lives. */
  readonly holder: string;
  /** Nothing of the call's effect is committed before its end is, so that it may begin anew. */
  readonly isClaim: boolean;
  /** Wall clock. */
  readonly expiresAt: number;
  /** How it ended; undefined as long as it has not. */
  readonly completion: Uint8Array | undefined;
}

/** Of the format, for stores that outlive versions of this package. */
const version = 1;

export function encodeRecord(record: StoredRecord): Buffer {
  const { fingerprint, owner, ticket, holder, isClaim, expiresAt, completion } = record;
  const list = [fingerprint, owner, ticket, holder, isClaim, expiresAt, completion ?? null];
  return packValue([version, ...list]);
}

/** @throws Error when the bytes are of another version */
export function decodeRecord(bytes: Buffer): StoredRecord {
  const list = unpackValue(ValueForm.msgpack, bytes, 0, bytes.length, false) as unknown[];
  if (list[0] !== version) throw new Error(`A record of version ${list[0]} cannot be read`);
  const [, fingerprint, owner, ticket, holder, isClaim, expiresAt, completion] = list as [
    number,
    ...[string, string, number, string, boolean, number, Uint8Array | null],
  ];
  return {
    ...{ fingerprint, owner, ticket, holder, isClaim, expiresAt },
    completion: completion ?? undefined,
  };
}

export function completionOf({ completion }: StoredRecord): Completion | undefined {
  return completion === undefined ? undefined : decodeCompletion(completion);
}

/** A record of a call that has ended. */
export function endedRecord(
  request: BeginRequest,
  holder: string,
  isClaim: boolean,
  now: number,
  completion: Completion,
): StoredRecord {
  const { fingerprint, owner, ticket, keepMs } = request;
  const expiresAt = now + keepMs;
  const bytes = encodeCompletion(completion);
  return { fingerprint, owner, ticket, holder, isClaim, expiresAt, completion: bytes };
}

/** True for the record that the request made, as long as its call has not ended. */
export function isMadeBy(record: StoredRecord, { owner, ticket }: BeginRequest): boolean {
  return record.completion === undefined && record.owner === owner && record.ticket === ticket;
}
