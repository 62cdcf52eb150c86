import { HoldfastError } from '../../errors.ts';
import { show } from '../../util/check.ts';
import { decodeTable } from '../../verbs/table.ts';
import type { ClientHello, ServerHello } from '../protocol.ts';
import { frameOfParts } from './control-frames.ts';
import { FrameType, maxHelloBytes, preamble, ValueForm } from './frames.ts';
import { hashBytes, packTable } from './packed-table.ts';
import { packValue, unpackValue } from './values.ts';
import { decodeNumbers, decodeVerdicts, encodeNumbers, encodeVerdicts } from './verdicts.ts';

/** A server looks at no more hashes of tables that a client offers. */
const maxOffered = 16;

/** Bytes of a session's id. */
export const sessionBytes = 16;

/** What a client sends first. */
export function encodeClientHello(hello: ClientHello): Buffer {
  const { session, link, maxFrameBytes, credentials, acknowledged = 0 } = hello;
  const { resume = [], alone = false, tables = [], streams = false } = hello;
  return greeting({
    session,
    maxFrameBytes,
    ...(link === undefined ? {} : { link }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(acknowledged === 0 ? {} : { acknowledged }),
    ...(resume.length === 0 ? {} : { resume: encodeNumbers(resume) }),
    ...(alone ? { alone } : {}),
    ...(tables.length === 0 ? {} : { tables: Buffer.from(tables.join(''), 'hex') }),
    ...(streams ? { streams } : {}),
  });
}

/** What a server answers. */
export function encodeServerHello(hello: ServerHello): Buffer {
  const { server, maxFrameBytes, maxCalls, table, verbs, verdicts = [] } = hello;
  const { completions, heirOf = [], layers = false, streams = false } = hello;
  const fields = {
    server,
    maxFrameBytes,
    maxCalls,
    ...(completions === undefined ? {} : { completions }),
    ...(heirOf.length === 0 ? {} : { heirOf }),
    ...(verdicts.length === 0 ? {} : { verdicts: encodeVerdicts(verdicts) }),
    ...(table === undefined ? {} : { table: Buffer.from(table, 'hex') }),
    ...(layers ? { layers } : {}),
    ...(streams ? { streams } : {}),
  };
  return verbs === undefined ? greeting(fields) : greeting(fields, packTable(verbs).bytes);
}

/** @param verbs a packed value that becomes one field more */
function greeting(fields: Record<string, unknown>, verbs?: Buffer): Buffer {
  const frame = frameOfParts(
    FrameType.hello,
    verbs === undefined
      ? [packValue(fields)]
      : [...withOneMore(packValue(fields)), verbsKey, verbs],
  );
  if (frame.length <= maxHelloBytes) return Buffer.concat([preamble, frame]);
  throw new HoldfastError(
    'ERR_HOLDFAST_REGISTRY',
    `The hello would have ${frame.length} bytes, more than ${maxHelloBytes}: too many verbs, or too large credentials`,
    { final: true },
  );
}

const verbsKey = packValue('verbs');

/** The parts of a packed map of less than 15 fields to which another is added. */
function withOneMore(map: Buffer): readonly Buffer[] {
  const size = Buffer.of((map[0] as number) + 1);
  return [size, map.subarray(1)];
}

/** Throws `ERR_HOLDFAST_PROTOCOL` when it is not a client's hello. */
export function decodeClientHello(buffer: Buffer, start: number, end: number): ClientHello {
  const fields = decodeFields(buffer, start, end);
  const session = fields['session'];
  if (!(session instanceof Uint8Array) || session.length !== sessionBytes) {
    throw badHello(`session must be ${sessionBytes} bytes`);
  }
  const { credentials, acknowledged = 0, resume, tables } = fields;
  if (!Number.isSafeInteger(acknowledged) || (acknowledged as number) < 0) {
    throw badHello(`acknowledged must be a call's number, got ${show(acknowledged)}`);
  }
  return {
    session,
    maxFrameBytes: count(fields, 'maxFrameBytes'),
    ...(fields['link'] === undefined ? {} : { link: count(fields, 'link') }),
    credentials,
    ...(acknowledged === 0 ? {} : { acknowledged: acknowledged as number }),
    ...(resume === undefined ? {} : { resume: decodeNumbers('resume', bytesOf('resume', resume)) }),
    ...(fields['alone'] === true ? { alone: true } : {}),
    ...(tables === undefined ? {} : { tables: hashesOf(bytesOf('tables', tables)) }),
    ...(fields['streams'] === true ? { streams: true } : {}),
  };
}

/** Throws `ERR_HOLDFAST_PROTOCOL` when it is not a server's hello. */
export function decodeServerHello(buffer: Buffer, start: number, end: number): ServerHello {
  const fields = decodeFields(buffer, start, end);
  const { server, completions, heirOf, verdicts, table, verbs } = fields;
  if (typeof server !== 'string') throw badHello(`server must be a string, got ${show(server)}`);
  if (completions !== undefined && typeof completions !== 'string') {
    throw badHello(`completions must be a string, got ${show(completions)}`);
  }
  if (heirOf !== undefined && !isListOfStrings(heirOf)) {
    throw badHello(`heirOf must be a list of strings, got ${show(heirOf)}`);
  }
  return {
    server,
    maxFrameBytes: count(fields, 'maxFrameBytes'),
    maxCalls: count(fields, 'maxCalls'),
    ...(fields['layers'] === true ? { layers: true } : {}),
    ...(fields['streams'] === true ? { streams: true } : {}),
    ...(table === undefined ? {} : { table: hashOf(bytesOf('table', table)) }),
    // A server leaves out the rows of a table that the client has.
    ...(verbs === undefined && table !== undefined ? {} : { verbs: decodeTable(verbs) }),
    ...(completions === undefined ? {} : { completions }),
    ...(heirOf === undefined ? {} : { heirOf }),
    ...(verdicts === undefined ? {} : { verdicts: decodeVerdicts(bytesOf('verdicts', verdicts)) }),
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

function bytesOf(name: string, value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw badHello(`${name} must be bytes, got ${show(value)}`);
}

function hashOf(bytes: Uint8Array): string {
  if (bytes.length !== hashBytes) throw badHello(`table must be ${hashBytes} bytes`);
  return Buffer.from(bytes).toString('hex');
}

/** More than a client should need are not looked at. */
function hashesOf(bytes: Uint8Array): string[] {
  const hashes: string[] = [];
  for (let at = 0; at + hashBytes <= bytes.length && hashes.length < maxOffered; at += hashBytes) {
    hashes.push(hashOf(bytes.subarray(at, at + hashBytes)));
  }
  return hashes;
}

function isListOfStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function badHello(why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_PROTOCOL', `Peer's hello is wrong: ${why}`, {
    final: true,
  });
}
