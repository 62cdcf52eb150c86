import type { CompletionStore } from '../completions/store.ts';
import { frameBytes, windowBytes } from '../link/limits.ts';
import type { Listener } from '../media/medium.ts';
import {
  anything,
  type Check,
  type Checks,
  clockLike,
  milliseconds,
  ofType,
  optionError,
  resolveOptions,
  show,
  wholeNumber,
  withMethods,
} from '../util/check.ts';
import { type Clock, systemClock } from '../util/clock.ts';
import type { Authenticate } from './principal.ts';

/** How a server behaves. Everything but `listen` has a default; durations are milliseconds. */
export interface ServerOptions {
  /** Where clients reach it: a URL, a listener, or several of them. */
  readonly listen: string | Listener | readonly (string | Listener)[];
  /** Says who calls, or throws; without it everybody may. See {@link Authenticate}. */
  readonly authenticate?: Authenticate;
  /**
   * Whoever may call may ask for the server's figures too, by the verb `holdfast.routes`, as
   * `holdfast top` does. Off unless it is switched on: they tell what others do here.
   */
  readonly exposeRoutes?: boolean;
  /** Largest message, in bytes, in both directions. */
  readonly maxFrameBytes?: number;
  /** Most calls of one client, on whatever connection, that may run at a time; more are refused. */
  readonly maxCalls?: number;
  /**
   * Most handlers that run at a time, over all clients. A few calls more wait for their turn; the
   * rest is refused for now with the code `ERR_HOLDFAST_OVERLOADED`. Default: no such bound.
   */
  readonly maxConcurrency?: number;
  /**
   * Most calls that wait for their turn then. Clients take turns, and each has its share of the queue.
   * Default: half of `maxConcurrency`.
   */
  readonly maxQueue?: number;
  /**
   * Calls that a handler makes, with whatever client, are made as by `call.client(inner)`. Costs an
   * AsyncLocalStorage in each handler.
   */
  readonly propagate?: boolean;
  /** Most connections at a time; more are told so and closed. */
  readonly maxConnections?: number;
  /** Most bytes of inputs that one client may have in handlers; calls beyond are refused. */
  readonly maxIncomingBytes?: number;
  /**
   * So many bytes of replies wait for a slow reader: nothing more is read from it. It is cut off when
   * nothing gets through for `heartbeatTimeoutMs`, and at 16 times as many bytes.
   */
  readonly maxOutgoingBytes?: number;
  /**
   * What the items of a stream may take in memory on their way, in bytes: those from a client that
   * wait for the handler, and those from the handler that the client may not have. The first are
   * shared out of `maxIncomingBytes`, at least 128 KiB to each stream. Of the others all streams of a
   * client take no more than `maxOutgoingBytes`; beyond, each may still take 256 KiB, and there are
   * no more streams than 16 times `maxOutgoingBytes` allow.
   */
  readonly streamWindowBytes?: number;
  /** Where the records of `once` calls are kept. Default: in this process's memory. */
  readonly completions?: CompletionStore;
  /** In memory: most records of `once` calls; a call beyond that is refused. */
  readonly maxRecords?: number;
  /** In memory: most bytes of them; beyond, calls are refused and replies are not kept. */
  readonly maxOnceBytes?: number;
  /**
   * Largest reply of a `once` call that is kept. A call with a larger one gets it, but a repeat of
   * the call learns only that it was executed.
   */
  readonly maxOnceReplyBytes?: number;
  /** How long the record of a `once` call is kept at least, from the call's end. */
  readonly keepRecordsMs?: number;
  /** How long the completion store may take; then the call is refused. */
  readonly storeTimeoutMs?: number;
  /** A new connection must say hello within this time. */
  readonly handshakeTimeoutMs?: number;
  /** A connection that is silent for so long is pinged; without an answer it is closed. */
  readonly idlePingMs?: number;
  /** How long the answer to a ping may take. */
  readonly heartbeatTimeoutMs?: number;
  /** After a lost connection handlers go on for so long; then their signal aborts. */
  readonly resumeGraceMs?: number;
  /** After a lost connection what is known of the client's calls is kept for so long. */
  readonly keepSessionsMs?: number;
  /** Most clients that the server remembers, connected ones included. */
  readonly maxSessions?: number;
  /**
   * Most bytes of answers that are kept until their clients acknowledge them. Those of `read` calls,
   * which are kept from the second attempt on, take no more than the half.
   */
  readonly maxRecordedBytes?: number;
  /** Where time comes from. Default: the system's monotonic clock. */
  readonly clock?: Clock;
}

/** {@link ServerOptions} with every default filled in. */
export type ResolvedServerOptions = Readonly<
  Required<Omit<ServerOptions, 'authenticate' | 'completions' | 'maxConcurrency' | 'maxQueue'>>
> & {
  readonly maxConcurrency: number | undefined;
  readonly maxQueue: number | undefined;
  readonly authenticate: Authenticate | undefined;
  readonly completions: CompletionStore | undefined;
};

/** The defaults of {@link ServerOptions}. */
export const serverDefaults: Omit<ResolvedServerOptions, 'listen'> = Object.freeze({
  authenticate: undefined,
  exposeRoutes: false,
  maxFrameBytes: 16 * 1024 * 1024,
  maxCalls: 4_096,
  maxConcurrency: undefined,
  maxQueue: undefined,
  propagate: false,
  maxConnections: 10_000,
  maxIncomingBytes: 64 * 1024 * 1024,
  maxOutgoingBytes: 64 * 1024 * 1024,
  streamWindowBytes: 1024 * 1024,
  completions: undefined,
  maxRecords: 100_000,
  maxOnceBytes: 64 * 1024 * 1024,
  maxOnceReplyBytes: 1024 * 1024,
  keepRecordsMs: 600_000,
  storeTimeoutMs: 5_000,
  handshakeTimeoutMs: 10_000,
  idlePingMs: 60_000,
  heartbeatTimeoutMs: 10_000,
  resumeGraceMs: 10_000,
  keepSessionsMs: 60_000,
  maxSessions: 20_000,
  maxRecordedBytes: 64 * 1024 * 1024,
  clock: systemClock,
});

const completionStore: Check = (name, value) => {
  withMethods('begin', 'finish', 'abandon')(name, value);
  const { id } = value as { readonly id?: unknown };
  if (typeof id !== 'string' || id === '') {
    throw optionError(`Option "${name}" must have an id, got ${show(id)}`);
  }
};

const checks: Checks<ServerOptions> = {
  listen: anything,
  authenticate: ofType('function'),
  exposeRoutes: ofType('boolean'),
  maxFrameBytes: frameBytes,
  maxCalls: wholeNumber(1, 1_000_000),
  maxConcurrency: wholeNumber(1, 1_000_000),
  maxQueue: wholeNumber(0, 1_000_000),
  propagate: ofType('boolean'),
  maxConnections: wholeNumber(1),
  maxIncomingBytes: wholeNumber(1),
  maxOutgoingBytes: wholeNumber(1),
  streamWindowBytes: windowBytes,
  completions: completionStore,
  maxRecords: wholeNumber(1),
  maxOnceBytes: wholeNumber(1),
  maxOnceReplyBytes: wholeNumber(1),
  keepRecordsMs: milliseconds(),
  storeTimeoutMs: milliseconds(1),
  handshakeTimeoutMs: milliseconds(1),
  idlePingMs: milliseconds(1),
  heartbeatTimeoutMs: milliseconds(1),
  resumeGraceMs: milliseconds(),
  keepSessionsMs: milliseconds(),
  maxSessions: wholeNumber(1),
  maxRecordedBytes: wholeNumber(1),
  clock: clockLike,
};

/** Checks and completes a server's options. */
export function resolveServerOptions(given: ServerOptions): ResolvedServerOptions {
  const resolved = resolveOptions('server option', given, serverDefaults, checks);
  if (resolved.maxQueue !== undefined && resolved.maxConcurrency === undefined) {
    throw optionError('Option "maxQueue" needs the option "maxConcurrency"');
  }
  return resolved as ResolvedServerOptions;
}
