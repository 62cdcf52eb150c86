import type { RemoteFailure } from '../../errors.ts';
import type { BzrArgument, BzrValue } from './bencode.ts';

/** What a verb is called with. */
export interface BzrRequest {
  /** Behind the verb's name. Numbers go as bencode's; most verbs want decimal strings. */
  readonly args?: readonly BzrArgument[];
  /** The body: whole, or as the parts of a stream, which are sent together. */
  readonly body?: string | Uint8Array | readonly Uint8Array[];
}

/** What a verb answered. */
export class BzrReply {
  /** As they came: the first is often `ok` or `yes`. */
  readonly args: readonly BzrValue[];
  /** The body's parts; their borders mean nothing. Empty when there is no body. */
  readonly chunks: readonly Buffer[];

  constructor(args: readonly BzrValue[], chunks: readonly Buffer[]) {
    this.args = args;
    this.chunks = chunks;
  }

  /** The whole body. */
  get body(): Buffer {
    return this.chunks.length === 1 ? (this.chunks[0] as Buffer) : Buffer.concat(this.chunks);
  }

  /** An argument as text; undefined where there is none, or it is a list. */
  text(index: number): string | undefined {
    const value = this.args[index];
    return Buffer.isBuffer(value) || typeof value === 'number' ? value.toString() : undefined;
  }
}

/** What is in {@link RemoteFailure.data} of an error that a Bazaar server gave. */
export interface BzrErrorData {
  /** The error as it came: its name, and what belongs to it. */
  readonly args: readonly BzrValue[];
  /** The result that had begun when the error came, if one had. */
  readonly begun?: BzrReply;
}

/** A Bazaar server's error: its name is the code, what it says the message. */
export function failureOf(args: readonly BzrValue[], begun?: BzrReply): RemoteFailure {
  const words = args.map(wordOf);
  // What is not foreseen is an `error` that has the name of the exception behind it.
  const [code = 'error', ...details] = words[0] === 'error' && words[1] ? words.slice(1) : words;
  const data: BzrErrorData = { args, ...(begun === undefined ? {} : { begun }) };
  return { code, message: [code, ...details].join(' '), data };
}

function wordOf(value: BzrValue): string {
  if (Buffer.isBuffer(value)) return value.toString();
  if (typeof value === 'number') return String(value);
  return JSON.stringify([...value.values()].map(wordOf));
}
