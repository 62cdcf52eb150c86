/**
 * What is known of a failed call.
 *
 * - `not-executed`: proven that the server did not run it and will not run it.
 * - `executed`: the server ran it.
 * - `unknown`: it may have run.
 */
export type Outcome = 'not-executed' | 'executed' | 'unknown';

/** Every code that a {@link HoldfastError} can carry, with its meaning in one line. */
export const errorCodes = {
  ERR_HOLDFAST_OPTION: 'an option is unknown, of the wrong type or out of range',
  ERR_HOLDFAST_URL: 'a URL cannot be used as an address',
  ERR_HOLDFAST_REGISTRY: 'a verb definition or a handler table is wrong',
  ERR_HOLDFAST_UNKNOWN_VERB: 'this side or the server does not have the verb, or not of this kind',
  ERR_HOLDFAST_INPUT: "the call's input does not satisfy the verb's input schema",
  ERR_HOLDFAST_OUTPUT: "the reply does not satisfy the verb's output schema, or `accept`",
  ERR_HOLDFAST_ENCODE: 'a value cannot be encoded (function, symbol, cycle, too deep)',
  ERR_HOLDFAST_DECODE: 'a value that arrived cannot be decoded',
  ERR_HOLDFAST_FRAME_TOO_LARGE: 'a message is larger than `maxFrameBytes` of one side',
  ERR_HOLDFAST_TOO_MANY_CALLS: 'more calls in flight than `maxCalls` allows',
  ERR_HOLDFAST_OUTGOING_FULL: 'more bytes wait to be sent than `maxOutgoingBytes` allows',
  ERR_HOLDFAST_INCOMING_FULL:
    'more bytes of inputs are being handled than `maxIncomingBytes` allows',
  ERR_HOLDFAST_TOO_MANY_CONNECTIONS: 'the server has `maxConnections` connections already',
  ERR_HOLDFAST_HANDSHAKE_TIMEOUT: 'the peer did not say hello in time',
  ERR_HOLDFAST_DIAL: 'no connection could be made',
  ERR_HOLDFAST_UNAUTHENTICATED: 'the server does not accept who the client says it is',
  ERR_HOLDFAST_PROTOCOL: 'the peer sent bytes that the protocol does not allow',
  ERR_HOLDFAST_VERSION: 'the peer speaks another version of the protocol',
  ERR_HOLDFAST_LOST: 'the connection was lost and the call could not be sent again',
  ERR_HOLDFAST_PARTIAL:
    'the connection was lost, a part of a stream had gone, and the rest cannot follow',
  ERR_HOLDFAST_INACTIVE: 'a stream waited for longer than `inactivityTimeoutMs`',
  ERR_HOLDFAST_DEADLINE: "the call's deadline passed",
  ERR_HOLDFAST_ATTEMPT_TIMEOUT: 'one attempt took longer than `attemptTimeoutMs`',
  ERR_HOLDFAST_ABORTED: 'the application cancelled the call',
  ERR_HOLDFAST_CLOSED: 'the client or the server is closed',
  ERR_HOLDFAST_DRAINING: 'the server is draining and takes no new calls',
  ERR_HOLDFAST_REMOTE: 'the handler failed; see `remote`',
  ERR_HOLDFAST_REFUSED: 'the server did not run the call, and says so',
  ERR_HOLDFAST_OVERLOADED:
    'the server has too much to do: it refused the call, or its turn would come too late',
  ERR_HOLDFAST_BUDGET: 'the call could have been sent again, but the retry budget is empty',
  ERR_HOLDFAST_KEY_REUSED: 'the key of a `once` call was used before with another input',
  ERR_HOLDFAST_UNFINISHED:
    'the call, or one with its key, began in a server process that ended before it was done',
  ERR_HOLDFAST_HAND_OVER: 'the successor did not take over, and the server goes on',
  ERR_HOLDFAST_STORE: 'a completion store cannot be opened, or must not be used as it is',
  ERR_HOLDFAST_LISTEN: 'the server cannot listen at the address',
} as const;

/** One of the keys of {@link errorCodes}. */
export type ErrorCode = keyof typeof errorCodes;

/** What the ledger, the server or the session knows of one attempt; strongest first. */
export type Evidence =
  | 'untouched'
  | 'incomplete'
  | 'refused'
  | 'never'
  | 'running'
  | 'done'
  | 'forgotten'
  | 'handed-over';

/** One sending of a call over one connection, as it is told in {@link HoldfastError.attempts}. */
export interface AttemptRecord {
  /** Counts from 1. */
  readonly number: number;
  /** Which connection, e.g. `tcp://127.0.0.1:4155#2`. */
  readonly link: string;
  /** How far the attempt had come when it ended. */
  readonly phase: 'waiting' | 'sending' | 'sent' | 'answered';
  readonly evidence: Evidence;
  /**
   * What the client did next; `hedge`: it began this one beside another, `wait`: it would have, but
   * must not, and goes on waiting; `cancel`: it ended it.
   */
  readonly decision:
    | 'send-again'
    | 'attach'
    | 'deliver'
    | 'ask'
    | 'fail'
    | 'hedge'
    | 'wait'
    | 'cancel';
  /** Why, in words. */
  readonly why: string;
  /** From its sending until it ended. */
  readonly durationMs: number;
}

/** A handler's own error, as it crossed the wire. */
export interface RemoteFailure {
  readonly code: string;
  readonly message: string;
  readonly data?: unknown;
  /** Its handler says that it will pass: the call may be made again if its verb may be repeated. */
  readonly transient?: boolean;
  /** It comes of a call that the server made and tried again already. */
  readonly retried?: boolean;
}

/** Fields of a {@link HoldfastError} beside its code and message. */
export interface HoldfastErrorDetails {
  readonly outcome?: Outcome;
  readonly verb?: string | undefined;
  readonly attempts?: readonly AttemptRecord[];
  readonly retryAfterMs?: number | undefined;
  readonly remote?: RemoteFailure | undefined;
  readonly cause?: unknown;
  /** True when trying again cannot help (authentication, version, bad input). */
  readonly final?: boolean;
  /** See {@link HoldfastError.retried}. */
  readonly retried?: boolean;
  /** See {@link HoldfastError.delivered}. */
  readonly delivered?: number;
  /** See {@link HoldfastError.sent}. */
  readonly sent?: number;
  /** See {@link HoldfastError.acknowledged}. */
  readonly acknowledged?: number;
}

const brand = Symbol.for('holdfast.error');

/** The one error class of holdfast. Match on `code`; `outcome` says what is known of the call. */
export class HoldfastError extends Error {
  override readonly name: string = 'HoldfastError';
  readonly code: ErrorCode;
  /** What is known of the call; `not-executed` for errors that arise before any call. */
  readonly outcome: Outcome;
  /** The verb that was called, if the error is about a call. */
  readonly verb?: string;
  /** Every attempt of the call, oldest first. */
  readonly attempts: readonly AttemptRecord[];
  /** The server's hint: try not before so many milliseconds. */
  readonly retryAfterMs?: number;
  /** With code `ERR_HOLDFAST_REMOTE`: what the handler threw. */
  readonly remote?: RemoteFailure;
  /** True when trying again cannot help. */
  readonly final: boolean;
  /**
   * True when the call was tried again already, here or by a server that made further calls for it,
   * or was not because the retry budget is empty. Trying again above would multiply the attempts.
   */
  readonly retried: boolean;
  /** Of a call with streams: how many items the application was given in front of this error. */
  readonly delivered?: number;
  /** How many items were taken from the application's source. */
  readonly sent?: number;
  /** How many of those the server has said that it has: the first ones. */
  readonly acknowledged?: number;

  constructor(code: ErrorCode, message: string, details: HoldfastErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.outcome = details.outcome ?? 'not-executed';
    this.attempts = details.attempts ?? [];
    this.final = details.final ?? false;
    this.retried = details.retried ?? false;
    if (details.verb !== undefined) this.verb = details.verb;
    if (details.retryAfterMs !== undefined) this.retryAfterMs = details.retryAfterMs;
    if (details.remote !== undefined) this.remote = details.remote;
    if (details.delivered !== undefined) this.delivered = details.delivered;
    if (details.sent !== undefined) this.sent = details.sent;
    if (details.acknowledged !== undefined) this.acknowledged = details.acknowledged;
  }

  static {
    Object.defineProperty(HoldfastError.prototype, brand, { value: true });
  }
}

/** True for errors of this package, also those made by another copy of it in the same process. */
export function isHoldfastError(value: unknown): value is HoldfastError {
  return typeof value === 'object' && value !== null && brand in value;
}

/** The message of anything that was thrown; never empty, and never throws itself. */
export function messageOf(thrown: unknown): string {
  try {
    const message = (thrown as { message?: unknown } | null | undefined)?.message;
    if (typeof message === 'string' && message !== '') return message;
    return codeOf(thrown) || String(thrown) || 'an error without a message';
  } catch {
    return 'an error that cannot be read';
  }
}

/** The `code` of anything that was thrown, or the empty string. */
export function codeOf(thrown: unknown): string {
  try {
    const code = (thrown as { code?: unknown } | null | undefined)?.code;
    return typeof code === 'string' ? code : '';
  } catch {
    return '';
  }
}
