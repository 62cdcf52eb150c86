import { HoldfastError } from '../../errors.ts';
import { show } from '../../util/check.ts';
import { decodeTable, encodeTable } from '../../verbs/table.ts';
import type { ClientHello, ServerHello, Verdict } from '../protocol.ts';
import { valueFrame } from './control-frames.ts';
import {
  FrameType,
  maxHelloBytes,
  preamble,
  readNumber,
  ValueForm,
  writeNumber,
} from './frames.ts';
import { unpackValue } from './values.ts';

/** Bytes of a session's id. */
export const sessionBytes = 16;

/** What a client sends first. */
export function encodeClientHello(hello: ClientHello): Buffer {
  const { session, maxFrameBytes, credentials, acknowledged = 0, resume = [] } = hello;
  return greeting({
    session,
    maxFrameBytes,
    ...(credentials === undefined ? {} : { credentials }),
    ...(acknowledged === 0 ? {} : { acknowledged }),
    ...(resume.length === 0 ? {} : { resume: encodeNumbers(resume) }),
  });
}

/** What a server answers. */
export function encodeServerHello(hello: ServerHello): Buffer {
  const { server, maxFrameBytes, maxCalls, verbs, verdicts = [] } = hello;
  return greeting({
    server,
    maxFrameBytes,
    maxCalls,
    verbs: encodeTable(verbs),
    ...(verdicts.length === 0
      ? {}
      : { verdicts: Buffer.from(verdicts.map((verdict) => verdictCodes.indexOf(verdict))) }),
  });
}

/** Most calls that a client asks about in its hello: 96 KiB of numbers. */
export const maxResumed: number = 16 * 1024;

/** A verdict travels as its place in this list. */
const verdictCodes: readonly Verdict[] = ['never', 'running', 'done', 'forgotten'];

const numberBytes = 6;

function encodeNumbers(numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * numberBytes);
  for (const [index, number] of numbers.entries()) {
    writeNumber(bytes, index * numberBytes, number);
  }
  return bytes;
}

function decodeNumbers(value: unknown): number[] {
  if (!(value instanceof Uint8Array) || value.length % numberBytes !== 0) {
    throw badHello(`resume must be bytes, ${numberBytes} for each call`);
  }
  const count = value.length / numberBytes;
  if (count > maxResumed) throw badHello(`resume names more than ${maxResumed} calls`);
  return Array.from({ length: count }, (_, index) =>
    readNumber(value as Buffer, index * numberBytes),
  );
}

function decodeVerdicts(value: unknown): Verdict[] {
  if (!(value instanceof Uint8Array)) throw badHello('verdicts must be bytes, one for each call');
  // What this version does not know helps nobody: the fate is not known.
  return Array.from(value, (code) => verdictCodes[code] ?? 'forgotten');
}

function greeting(fields: Record<string, unknown>): Buffer {
  const frame = valueFrame(FrameType.hello, fields);
  if (frame.length <= maxHelloBytes) return Buffer.concat([preamble, frame]);
  throw new HoldfastError(
    'ERR_HOLDFAST_REGISTRY',
    `The hello would have ${frame.length} bytes, more than ${maxHelloBytes}: too many verbs, or too large credentials`,
    { final: true },
  );
}

/** Throws `ERR_HOLDFAST_PROTOCOL` when it is not a client's hello. */
export function decodeClientHello(buffer: Buffer, start: number, end: number): ClientHello {
  const fields = decodeFields(buffer, start, end);
  const session = fields['session'];
  if (!(session instanceof Uint8Array) || session.length !== sessionBytes) {
    throw badHello(`session must be ${sessionBytes} bytes`);
  }
  const { credentials, acknowledged = 0, resume } = fields;
  if (!Number.isSafeInteger(acknowledged) || (acknowledged as number) < 0) {
    throw badHello(`acknowledged must be a call's number, got ${show(acknowledged)}`);
  }
  return {
    session,
    maxFrameBytes: count(fields, 'maxFrameBytes'),
    credentials,
    ...(acknowledged === 0 ? {} : { acknowledged: acknowledged as number }),
    ...(resume === undefined ? {} : { resume: decodeNumbers(resume) }),
  };
}

/** Throws `ERR_HOLDFAST_PROTOCOL` when it is not a server's hello. */
export function decodeServerHello(buffer: Buffer, start: number, end: number): ServerHello {
  const fields = decodeFields(buffer, start, end);
  const server = fields['server'];
  if (typeof server !== 'string') throw badHello(`server must be a string, got ${show(server)}`);
  return {
    server,
    maxFrameBytes: count(fields, 'maxFrameBytes'),
    maxCalls: count(fields, 'maxCalls'),
    verbs: decodeTable(fields['verbs']),
    ...(fields['verdicts'] === undefined ? {} : { verdicts: decodeVerdicts(fields['verdicts']) }),
  };
}

function decodeFields(buffer: Buffer, start: number, end: number): Record<string, unknown> {
  const fields = unpackValue(ValueForm.msgpack, buffer, start, end, false);
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw badHello(`it must be a map, got ${show(fields)}`);
  }
  return fields as Record<string, unknown>;
}

function count(fields: Record<string, unknown>, name: string): number {
  const value = fields[name];
  if (!Number.isSafeInteger(value) || (value as number) < 1) {
    throw badHello(`${name} must be a whole number above 0, got ${show(value)}`);
  }
  return value as number;
}

function badHello(why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_PROTOCOL', `Peer's hello is wrong: ${why}`, {
    final: true,
  });
}
