import type { MediumName, Place } from './place.ts';

/**
 * What a benchmark contender must offer. A contender is one module that exports a
 * {@link Contender} by the name `contender`; its server and its client run in separate processes.
 *
 * Rules, so that the numbers compare: the verb and one short string travel with every request;
 * a reply is the value itself, decoded; a call is one promise; batching of calls that are ready
 * in the same turn of the event loop is welcome, waiting for more of them is not.
 */

/** The calls that are measured: what goes there and what comes back is in {@link calls}. */
export type CallKind = 'small' | 'bytes' | 'both' | 'object';

/** A running server of a contender. */
export interface ContenderServer {
  /** Where a client of the same contender finds it; its form is the contender's own affair. */
  readonly address: string;
  /** Stops listening and ends the connections. */
  close(): Promise<void>;
  /** Processor time so far of a program that serves beside this process. */
  cpuUs?(): number;
  /** Resident memory of such a program. */
  rssBytes?(): number;
}

/** A connected client of a contender. */
export interface ContenderClient {
  /** Makes one call; resolves with the decoded reply, rejects on any error. */
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

/** The argument of calls that ask for something. */
export const argument = 'user:4711';

/** The reply to a `small` call: 100 bytes. */
export const smallReply: string = 'abcdefghij'.repeat(10);

/** The reply to a `bytes` call: 64 KiB. Nobody may write to it. */
export const bytesReply: Buffer = Buffer.alloc(64 * 1024, 'holdfast');

/** The reply to an `object` call: 7 kB as JSON, 43 records of one shape. */
export const objectReply: ObjectReply = {
  kind: 'orders',
  page: 7,
  total: 1284,
  items: Array.from({ length: 43 }, (_, index) => ({
    id: 100_000 + index * 37,
    customer: `customer-${(index * 7919) % 1000}`,
    email: `someone.${index}@example.org`,
    state: index % 3 === 0 ? 'shipped' : 'open',
    cents: 1999 + index * 131,
    weight: index * 1.5 + 0.25,
    isGift: index % 5 === 0,
    tags: ['red', 'large', `lot-${index % 9}`],
  })),
};

/** What an `object` call answers with. */
export interface ObjectReply {
  readonly kind: string;
  readonly page: number;
  readonly total: number;
  readonly items: readonly ObjectItem[];
}

/** One record of it. */
export interface ObjectItem {
  readonly id: number;
  readonly customer: string;
  readonly email: string;
  readonly state: string;
  readonly cents: number;
  readonly weight: number;
  readonly isGift: boolean;
  readonly tags: readonly string[];
}

/** What goes there and what comes back. */
export const calls: {
  readonly [Kind in CallKind]: { readonly argument: string | Buffer; readonly reply: unknown };
} = {
  small: { argument, reply: smallReply },
  bytes: { argument, reply: bytesReply },
  both: { argument: bytesReply, reply: bytesReply },
  object: { argument, reply: objectReply },
};
