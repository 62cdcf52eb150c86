import { HoldfastError } from '../../errors.ts';
import { show } from '../../util/check.ts';
import type { CallWriter } from '../protocol.ts';
import { type BzrArgument, encodeList } from './bencode.ts';
import { marker } from './message-decoder.ts';
import type { BzrRequest } from './values.ts';
import { bodyOf } from './verbs.ts';

const end = Buffer.from('e');

/** The marker, and the headers. */
const opening = Buffer.concat([marker, part('', Buffer.from('d16:Software version8:holdfaste'))]);

const noBytes = Buffer.alloc(0);

/** A request as it travels. */
export interface Encoded {
  /** Up to the body. */
  readonly head: Buffer;
  /** The body and the end, if there is a body; else the end is in the head. */
  readonly rest: Buffer | undefined;
}

/** Encodes a request. Throws `ERR_HOLDFAST_ENCODE`. */
export function encodeRequest(verb: string, { args = [], body }: BzrRequest): Encoded {
  if (!Array.isArray(args)) throw unfit(`"args" must be a list, got ${show(args)}`);
  const head = [opening, part('s', encodeList([verb, ...(args as readonly BzrArgument[])]))];
  if (body === undefined) return { head: Buffer.concat([...head, end]), rest: undefined };
  const parts = chunksOf(body).map((chunk) => part('b', chunk));
  return { head: Buffer.concat(head), rest: Buffer.concat([...parts, end]) };
}

function chunksOf(body: unknown): readonly Uint8Array[] {
  if (typeof body === 'string') return [Buffer.from(body)];
  if (body instanceof Uint8Array) return [body];
  if (Array.isArray(body) && body.every((chunk) => chunk instanceof Uint8Array)) return body;
  throw unfit(`"body" must be a string, bytes or a list of bytes, got ${show(body)}`);
}

/** A part of a message: its kind, its length, its bytes. */
function part(kind: '' | 's' | 'b', bytes: Uint8Array): Buffer {
  if (bytes.byteLength > 0xffff_ffff) throw unfit('a part has more than 4 GiB');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.byteLength);
  return Buffer.concat([Buffer.from(kind), length, bytes]);
}

function inputOf(input: unknown): BzrRequest {
  if (input === undefined || input === null) return {};
  if (typeof input !== 'object' || Array.isArray(input) || input instanceof Uint8Array) {
    throw unfit(`it must be { args, body }, got ${show(input)}`);
  }
  const unknown = Object.keys(input).find((name) => name !== 'args' && name !== 'body');
  if (unknown !== undefined) throw unfit(`it has "args" and "body", and no "${unknown}"`);
  return input;
}

function unfit(why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_ENCODE', `Input cannot be encoded: ${why}`, {
    final: true,
  });
}

/** Writes requests. All attempts of a call are the same bytes. */
export class BzrCallWriter implements CallWriter {
  buffer: Buffer = noBytes;
  readonly start = 0;
  end = 0;
  body: Uint8Array | undefined;
  tailBytes = 0;

  write(
    _number: number,
    verb: string,
    key: string | undefined,
    input: unknown,
    maxFrameBytes: number,
  ): void {
    if (key !== undefined) {
      const message = 'Option "key" is of no use: a Bazaar server knows no keys';
      throw new HoldfastError('ERR_HOLDFAST_OPTION', message, { final: true });
    }
    const { head, rest } = encodeRequest(verb, inputOf(input));
    const restBytes = rest?.length ?? 0;
    if (head.length + restBytes > maxFrameBytes) {
      const message = `Message of ${head.length + restBytes} bytes is larger than maxFrameBytes (${maxFrameBytes})`;
      throw new HoldfastError('ERR_HOLDFAST_FRAME_TOO_LARGE', message, { final: true });
    }
    this.buffer = head;
    this.end = head.length;
    this.body = rest;
    this.tailBytes = tailBytesOf(verb, restBytes);
  }

  stamp(): void {}

  renumber(): void {}
}

/**
 * A server runs a verb without a body as soon as it has the arguments, and does not wait for the
 * end marker; a stream it takes in as it comes. Where it collects a body, the end marker counts.
 */
function tailBytesOf(verb: string, restBytes: number): number {
  if (restBytes > 0 && bodyOf(verb) === 'bytes') return 0;
  return restBytes > 0 ? restBytes : end.length;
}
