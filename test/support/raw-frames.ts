import { Packr, Unpackr } from 'msgpackr';
import {
  callHeaderBytes,
  FrameType,
  lengthBytes,
  preamble,
  ValueForm,
} from '../../lib/protocols/holdfast/frames.ts';

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });

/** A frame as it arrived: what stands behind its type. */
export interface RawFrame {
  readonly type: number;
  readonly body: Buffer;
}

/** Bytes in hex, with blanks where they help to read. */
export function hex(bytes: string): Buffer {
  return Buffer.from(bytes.replaceAll(' ', ''), 'hex');
}

/** A frame of any type, made by hand. */
export function frame(type: number, ...body: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat(body);
  const head = Buffer.alloc(lengthBytes + 1);
  head.writeUInt32BE(bytes.length + 1);
  head[lengthBytes] = type;
  return Buffer.concat([head, bytes]);
}

/** The beginning of a frame that declares a length and does not keep it. */
export function declared(length: number, type: number, body: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(lengthBytes + 1);
  head.writeUInt32BE(length);
  head[lengthBytes] = type;
  return Buffer.concat([head, body]);
}

export function pack(value: unknown): Buffer {
  return packr.pack(value);
}

export function unpack(bytes: Uint8Array): unknown {
  return unpackr.unpack(bytes);
}

/** A 48-bit number. */
export function u48(value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(value, 0, 6);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A client's preamble and hello. */
export function clientHello(fields: Record<string, unknown> = {}): Buffer {
  const session = Buffer.from(fields['session'] === undefined ? nextSession() : []);
  const hello = { session, maxFrameBytes: 1_000_000, ...fields };
  return Buffer.concat([preamble, frame(FrameType.hello, pack(hello))]);
}

let sessions = 0;

/** Every raw client is a session of its own. */
function nextSession(): Buffer {
  const session = Buffer.alloc(16, 0xab);
  session.writeUInt32BE(++sessions, 12);
  return session;
}

/** A server's preamble and hello, with the test's verbs. */
export function serverHello(fields: Record<string, unknown> = {}): Buffer {
  const verbs = ['read', 'idempotent', 'semi', 'once', 'mutate'].map((name) => [name, name, {}]);
  const hello = { server: 'raw', maxFrameBytes: 1_000_000, maxCalls: 1_000, verbs, ...fields };
  return Buffer.concat([preamble, frame(FrameType.hello, pack(hello))]);
}

/** What a raw CALL says; the verb is its place in the table. */
export interface RawCall {
  readonly number: number;
  readonly verb?: number;
  readonly attempt?: number;
  readonly remainingMs?: number;
  readonly key?: string;
  readonly form?: number;
  /** The value's bytes as they are; `value` otherwise. */
  readonly bytes?: Uint8Array;
  readonly value?: unknown;
}

export function call(fields: RawCall): Buffer {
  const { number, verb = 0, attempt = 1, remainingMs = 30_000, key = '' } = fields;
  const { form = ValueForm.msgpack, bytes = pack(fields.value ?? `call ${number}`) } = fields;
  const head = Buffer.alloc(callHeaderBytes - lengthBytes - 1);
  head[0] = form;
  head.writeUInt16BE(verb, 1);
  head.writeUIntBE(number, 3, 6);
  head[9] = attempt;
  head[10] = Buffer.byteLength(key);
  head.writeUInt32BE(remainingMs, 11);
  return frame(FrameType.call, head, Buffer.from(key), bytes);
}

export function cancel(number: number): Buffer {
  return frame(FrameType.cancel, u48(number));
}

export function ping(token: number): Buffer {
  return frame(FrameType.ping, u32(token));
}

export function pong(token: number): Buffer {
  return frame(FrameType.pong, u32(token));
}

/** A REPLY with a value. */
export function reply(number: number, value: unknown): Buffer {
  return replyOf(number, ValueForm.msgpack, pack(value));
}

/** A REPLY with bytes as they are. */
export function replyOf(number: number, form: number, bytes: Uint8Array): Buffer {
  return frame(FrameType.reply, Buffer.of(form), u48(number), bytes);
}

/** An ERROR or a REFUSED frame. */
export function listFrame(type: number, number: number, list: unknown): Buffer {
  return frame(type, u48(number), pack(list));
}

/** A FAULT, without a preamble. */
export function fault(list: unknown): Buffer {
  return frame(FrameType.fault, pack(list));
}

/** The number of the call that a CALL, REPLY, ERROR or REFUSED frame is about. */
export function numberOf({ type, body }: RawFrame): number {
  const offset = type === FrameType.call ? 3 : type === FrameType.reply ? 1 : 0;
  return body.readUIntBE(offset, 6);
}

/** The value of a REPLY in msgpack. */
export function replied({ body }: RawFrame): unknown {
  return unpack(body.subarray(7));
}

/** The list in a FAULT, ERROR or REFUSED frame. */
export function listOf({ type, body }: RawFrame): readonly unknown[] {
  return unpack(type === FrameType.fault ? body : body.subarray(6)) as unknown[];
}
