import { HoldfastError } from '../../errors.ts';
import { show } from '../../util/check.ts';
import { decodeTable, encodeTable } from '../../verbs/table.ts';
import type { ClientHello, ServerHello } from '../protocol.ts';
import { valueFrame } from './control-frames.ts';
import { FrameType, maxHelloBytes, preamble, ValueForm } from './frames.ts';
import { unpackValue } from './values.ts';

/** Bytes of a session's id. */
export const sessionBytes = 16;

/** What a client sends first. */
export function encodeClientHello({ session, maxFrameBytes, credentials }: ClientHello): Buffer {
  const fields = { session, maxFrameBytes };
  return greeting(credentials === undefined ? fields : { ...fields, credentials });
}

/** What a server answers. */
export function encodeServerHello({ server, maxFrameBytes, maxCalls, verbs }: ServerHello): Buffer {
  return greeting({ server, maxFrameBytes, maxCalls, verbs: encodeTable(verbs) });
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
  const maxFrameBytes = count(fields, 'maxFrameBytes');
  return { session, maxFrameBytes, credentials: fields['credentials'] };
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
