import type { MediumName, Place } from './place.ts';

/**
 * What a benchmark contender must offer. A contender is one module that exports a
 * {@link Contender} by the name `contender`; its server and its client run in separate processes.
 *
 * Rules, so that the numbers compare: the verb and one short string travel with every request;
 * a reply is the value itself, decoded; a call is one promise; batching of calls that are ready
 * in the same turn of the event loop is welcome, waiting for more of them is not.
 */

/**
 * The two calls that are measured: `small` answers with {@link smallReply}, `bytes` with
 * {@link bytesReply}.
 */
export type CallKind = 'small' | 'bytes';

/** A running server of a contender. */
export interface ContenderServer {
  /** Where a client of the same contender finds it; its form is the contender's own affair. */
  readonly address: string;
  /** Stops listening and ends the connections. */
  close(): Promise<void>;
}

/** A connected client of a contender. */
export interface ContenderClient {
  /** Makes one call with {@link argument}; resolves with the decoded reply, rejects on any error. */
  call(kind: CallKind): Promise<unknown>;
  /** Ends the connection. */
  close(): Promise<void>;
}

/** One way to make calls, with its server and its client. */
export interface Contender {
  readonly name: string;
  /** The media that it knows; without them it is TCP alone. */
  readonly media?: readonly MediumName[];
  /** Starts a server; on TCP, of 127.0.0.1 and a free port. Resolves once it listens. */
  serve(place: Place): Promise<ContenderServer>;
  /** Connects to the server at `address`, or starts it; resolves once calls can be made. */
  connect(address: string, place: Place): Promise<ContenderClient>;
}

/** The argument of every call. */
export const argument = 'user:4711';

/** The reply to a `small` call: 100 bytes. */
export const smallReply: string = 'abcdefghij'.repeat(10);

/** The reply to a `bytes` call: 64 KiB. Nobody may write to it. */
export const bytesReply: Buffer = Buffer.alloc(64 * 1024, 'holdfast');
