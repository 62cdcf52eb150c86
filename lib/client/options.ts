import type { AttemptRecord } from '../errors.ts';
import type { Layer } from '../layers/layer.ts';
import { frameBytes, windowBytes } from '../link/limits.ts';
import { holdfastProtocol } from '../protocols/holdfast/index.ts';
import type { Protocol } from '../protocols/protocol.ts';
import type { BackoffBounds } from '../retry/backoff.ts';
import { budgetDefaults } from '../retry/budget.ts';
import {
  anything,
  type Check,
  type Checks,
  clockLike,
  milliseconds,
  ofType,
  oneOf,
  resolveOptions,
  wholeNumber,
} from '../util/check.ts';
import { type Clock, systemClock } from '../util/clock.ts';
import { type HedgeOptions, hedgeOptions } from '../verbs/hedge.ts';
import { type ReplaySetting, replaySettings } from '../verbs/safety.ts';
import type { ResumeFrom, Verbs } from '../verbs/verb.ts';
import { budgetSetting, type RetryBudgetSetting } from './budgets.ts';
import { type StallOptions, stallDefaults, stallSetting } from './patience.ts';
import { type Reconcilers, reconcilers } from './reconcile.ts';
import type { RetryIf } from './retry-if.ts';

/** How a client behaves. Everything has a default; durations are milliseconds. */
export interface ClientOptions<V extends Verbs = Verbs> {
  /**
   * Deadline of a call over all attempts, dialling and waiting included. The time begins at the end of
   * the turn in which the call is made, and at once where the call has options of its own.
   */
  readonly timeoutMs?: number;
  /** Bound of one attempt; after it the call counts as possibly executed. 0: none. */
  readonly attemptTimeoutMs?: number;
  /** How many attempts of one call may have run. Attempts that provably did not run are not counted. */
  readonly maxAttempts?: number;
  /** The loosest class that is sent again after it may have run; `never` switches replay off. */
  readonly replay?: ReplaySetting;
  /** An `idempotent` call is not repeated later than this after its first sending. */
  readonly maxReplayAgeMs?: number;
  /**
   * How much may be sent again of what may have run, or was refused for now. Clients of this process
   * that go to the same server with the same settings share it; a budget that `retryBudget()` made is
   * shared by those that are given it. `false`: no such bound.
   */
  readonly retryBudget?: RetryBudgetSetting;
  /** What is sent is slowed down while the server says that it has too much to do. */
  readonly pacing?: boolean;
  /** A server that asks to wait longer than this before the next attempt is not obeyed further. */
  readonly maxRetryAfterMs?: number;
  /**
   * By verb: who is asked what became of a call that may have run, when it must not be sent again
   * and nobody else knows. Its answer decides.
   */
  readonly reconcile?: Reconcilers<V> | undefined;
  /** Overrides the classification of failures; see {@link RetryIf}. */
  readonly retryIf?: RetryIf | undefined;
  /**
   * A call of a `read` or `idempotent` verb that takes long is sent to another of the client's
   * addresses as well; the first good answer counts, and the other copies are cancelled. A copy draws
   * on the retry budget and counts for `maxAttempts`. Verbs with `leaseMs` are not hedged, and no verb
   * of a client that has one address.
   */
  readonly hedge?: HedgeOptions | undefined;
  /**
   * A link that was silent for so long is looked at before it is written to. By protocols without
   * sessions the default is 0.
   */
  readonly probeAfterMs?: number;
  /**
   * A link that was silent for so long is pinged before a call that must not be repeated. By protocols
   * without sessions the default is 0: such a call costs a round trip more, and is not risked on a
   * connection that is dead, or whose server has begun to leave.
   */
  readonly verifyAfterMs?: number;
  /**
   * Calls are outstanding and nothing was heard for so long: ping. Where a server answers no ping
   * while it works, that is asked before any call behind so long a silence.
   */
  readonly heartbeatMs?: number;
  /** No sign of life for so long after a ping: the link is lost. */
  readonly heartbeatTimeoutMs?: number;
  /**
   * When a link stalls that crosses a network which loses packets (`tcp:`, `tls:`): calls wait, nothing
   * is heard, a ping is not answered. A connection that has lost much waits longer and longer before it
   * tries again, a fresh one gets through at once: the client dials several beside it, and moves to the
   * first that says hello. The server is asked for the fate of the calls, so that nothing is executed
   * twice. `false`: links are left only when they are lost.
   */
  readonly stall?: StallOptions | false;
  /** One timer over look-up, connect and handshake together. */
  readonly dialTimeoutMs?: number;
  /** First bound of the delay between dials; it doubles from dial to dial. */
  readonly reconnectBaseMs?: number;
  /** Highest bound of the delay between dials. */
  readonly reconnectCapMs?: number;
  /** How messages become bytes: what the server speaks. Default: `holdfast/1`. */
  readonly protocol?: Protocol;
  /**
   * Most links at a time. More than one only by protocols without sessions, for calls that would
   * have to wait for others: they may then be executed in another order.
   */
  readonly maxLinks?: number;
  /** Dial at once and again after every loss, also with no call waiting. */
  readonly eager?: boolean;
  /**
   * Who the client says it is: a value for the server's `authenticate`, or a function that gives one
   * for each connection (a token that must be fresh). It may return a promise.
   */
  readonly credentials?: unknown;
  /** Largest message, in bytes, in both directions. */
  readonly maxFrameBytes?: number;
  /** Most calls that may be pending; one more fails at once. */
  readonly maxCalls?: number;
  /** Most bytes of inputs that may be pending; a call beyond that fails at once. */
  readonly maxOutgoingBytes?: number;
  /**
   * Bytes of items that may be on their way or wait, for each direction of each stream: what comes and
   * is not taken yet, what was sent and may have to be sent again. From 128 KiB.
   */
  readonly streamWindowBytes?: number;
  /** Where time comes from. Default: the system's monotonic clock. */
  readonly clock?: Clock;
  /** Where chance comes from: numbers from 0 to below 1. Default: `Math.random`. */
  readonly random?: () => number;
}

/** {@link ClientOptions} with every default filled in. */
export type ResolvedClientOptions = Readonly<Required<ClientOptions>>;

/** The defaults of {@link ClientOptions}. */
export const clientDefaults: ResolvedClientOptions = Object.freeze({
  timeoutMs: 30_000,
  attemptTimeoutMs: 0,
  maxAttempts: 5,
  replay: 'semi',
  maxReplayAgeMs: 10_000,
  retryBudget: budgetDefaults,
  pacing: true,
  maxRetryAfterMs: 60_000,
  reconcile: undefined,
  retryIf: undefined,
  hedge: undefined,
  probeAfterMs: 5,
  verifyAfterMs: 15_000,
  heartbeatMs: 5_000,
  heartbeatTimeoutMs: 5_000,
  stall: stallDefaults,
  dialTimeoutMs: 10_000,
  reconnectBaseMs: 100,
  reconnectCapMs: 10_000,
  protocol: holdfastProtocol,
  maxLinks: 1,
  eager: false,
  credentials: undefined,
  maxFrameBytes: 16 * 1024 * 1024,
  maxCalls: 65_536,
  maxOutgoingBytes: 64 * 1024 * 1024,
  streamWindowBytes: 1024 * 1024,
  clock: systemClock,
  random: Math.random,
});

const protocolLike: Check = (name, value) => {
  ofType('object')(name, value);
  const { callWriter, clientWire } = value as Protocol;
  ofType('function')(`${name}.callWriter`, callWriter);
  ofType('function')(`${name}.clientWire`, clientWire);
};

const checks: Checks<ClientOptions> = {
  timeoutMs: milliseconds(1),
  attemptTimeoutMs: milliseconds(),
  maxAttempts: wholeNumber(1, 255),
  replay: oneOf(replaySettings),
  maxReplayAgeMs: milliseconds(),
  retryBudget: budgetSetting,
  pacing: ofType('boolean'),
  maxRetryAfterMs: milliseconds(),
  reconcile: reconcilers,
  retryIf: ofType('function'),
  hedge: hedgeOptions,
  probeAfterMs: milliseconds(),
  verifyAfterMs: milliseconds(),
  heartbeatMs: milliseconds(1),
  heartbeatTimeoutMs: milliseconds(1),
  stall: stallSetting,
  dialTimeoutMs: milliseconds(1),
  reconnectBaseMs: milliseconds(1),
  reconnectCapMs: milliseconds(1),
  protocol: protocolLike,
  maxLinks: wholeNumber(1, 1_000),
  eager: ofType('boolean'),
  credentials: anything,
  maxFrameBytes: frameBytes,
  maxCalls: wholeNumber(1, 1_000_000),
  maxOutgoingBytes: wholeNumber(1),
  streamWindowBytes: windowBytes,
  clock: clockLike,
  random: ofType('function'),
};

/** Checks and completes a client's options. */
export function resolveClientOptions(given: ClientOptions | undefined): ResolvedClientOptions {
  const resolved = resolveOptions('client option', given, clientDefaults, checks);
  if (resolved.protocol.hasSessions) return resolved as ResolvedClientOptions;
  // Without a session nobody could be asked about what is lost in even the shortest time.
  const { probeAfterMs = 0, verifyAfterMs = 0 } = given ?? {};
  return { ...resolved, probeAfterMs, verifyAfterMs } as ResolvedClientOptions;
}

/** The bounds of the delay between dials. */
export function reconnectBounds(options: ResolvedClientOptions): BackoffBounds {
  return { baseMs: options.reconnectBaseMs, capMs: options.reconnectCapMs };
}

/** How one call differs from the client's way. */
export interface CallOptions<Output = unknown> {
  /** Deadline of this call over all attempts. */
  readonly timeoutMs?: number;
  /** Bound of one attempt. 0: none. */
  readonly attemptTimeoutMs?: number;
  /** Replay of this call. */
  readonly replay?: ReplaySetting;
  /** Cancels the call: it fails with `ERR_HOLDFAST_ABORTED`, and the handler's signal aborts. */
  readonly signal?: AbortSignal;
  /** For `once`: names the effect, so that calls of several clients count as one. */
  readonly key?: string;
  /** Told of each attempt as it ends, also of the one that succeeds: what is known of it and why. */
  readonly onAttempt?: (attempt: AttemptRecord) => void;
  /** Looks at the reply of this call, behind the output schema and the verb's own `accept`. */
  accept?(output: Output): boolean | PromiseLike<boolean>;
  /** Overrides the classification of failures, instead of the client's `retryIf`. */
  readonly retryIf?: RetryIf;
  /** Sends copies of this call to other addresses when it takes long, or never (`false`). */
  readonly hedge?: HedgeOptions | false;
}

/** How one call with streams differs from the client's way. */
export interface StreamOptions<Input = unknown, Item = unknown> {
  /**
   * Deadline of the whole stream. Default: none once the server has begun it and as long as there is a
   * connection to that server; the client's `timeoutMs` before that, and whenever there is none.
   */
  readonly timeoutMs?: number;
  /** Longest wait for the next item, or for leave to send one. Default: the verb's, or none. */
  readonly inactivityTimeoutMs?: number;
  /** Replay of this call. */
  readonly replay?: ReplaySetting;
  /** Cancels the call: it fails with `ERR_HOLDFAST_ABORTED`, and the handler's signal aborts. */
  readonly signal?: AbortSignal;
  /** Told of each attempt as it ends, also of the one that succeeds: what is known of it and why. */
  readonly onAttempt?: (attempt: AttemptRecord) => void;
  /** Overrides the classification of failures, instead of the client's `retryIf`. */
  readonly retryIf?: RetryIf;
  /** For `read.serverStream`: how it goes on, instead of the verb's own. */
  resumeFrom?(input: Input, lastItem: Item, delivered: number): Input;
}

/** What a call was given, and by whom. */
export interface GivenOptions extends CallOptions<never> {
  /** With streams. */
  readonly inactivityTimeoutMs?: number;
  readonly resumeFrom?: ResumeFrom<never, never>;
  /** The call for whose sake it is made. */
  readonly layer?: Layer;
  /** What was left of that when this one was made, in ms. */
  readonly mostMs?: number;
}

const signal: Check = (name, value) => {
  ofType('object')(name, value);
  ofType('function')(`${name}.addEventListener`, (value as AbortSignal).addEventListener);
};

const callChecks: Checks<CallOptions> = {
  timeoutMs: milliseconds(1),
  attemptTimeoutMs: milliseconds(),
  replay: oneOf(replaySettings),
  signal,
  key: ofType('string'),
  onAttempt: ofType('function'),
  accept: ofType('function'),
  retryIf: ofType('function'),
  hedge: (name, value) => value === false || hedgeOptions(name, value),
};

/** Checks a call's options. */
export function resolveCallOptions(given: CallOptions): CallOptions {
  return resolveOptions('call option', given, {}, callChecks);
}

/** How long is waited for a link. */
export interface ReadyOptions {
  /** Default: the client's. */
  readonly timeoutMs?: number;
}

/** Checks such options; gives the time. */
export function resolveReadyOptions(given: ReadyOptions | undefined, timeoutMs: number): number {
  const checks: Checks<ReadyOptions> = { timeoutMs: milliseconds(1) };
  return resolveOptions('ready option', given, { timeoutMs }, checks).timeoutMs;
}

const streamChecks: Checks<StreamOptions> = {
  timeoutMs: milliseconds(1),
  inactivityTimeoutMs: milliseconds(1),
  replay: oneOf(replaySettings),
  signal,
  onAttempt: ofType('function'),
  retryIf: ofType('function'),
  resumeFrom: ofType('function'),
};

/** Checks the options of a call with streams. */
export function resolveStreamOptions(given: StreamOptions): StreamOptions {
  return resolveOptions('stream option', given, {}, streamChecks);
}
