import {
  type ErrorCode,
  type HoldfastError,
  isHoldfastError,
  type RemoteFailure,
} from '../errors.ts';

/**
 * How an attempt, or a dial, can fail, and whether that passes by itself: `transient` or `final`, or
 * `told` by the far side or the error. Whether a call may then be sent again is another question:
 * that depends on what is known of the attempt, and on the verb's class.
 */
export const classification = {
  /** The connection ended, whatever the reason: EPIPE, ECONNRESET, silence, an end without a word. */
  lost: 'transient',
  /** `attemptTimeoutMs` was over. */
  timeout: 'transient',
  /** The server drains: it did not execute the call, and another server will. */
  draining: 'transient',
  /** The server did not execute the call, and says whether trying again can help. */
  refused: 'told',
  /** The call began in a server process that ended before it was done. */
  unfinished: 'final',
  /** The handler failed, and says whether that will pass. */
  remote: 'told',
  /** The reply does not satisfy the output schema, or `accept`. */
  output: 'transient',
  /** The reply cannot be decoded: another of the same handler could not either. */
  decode: 'final',
  /** No connection could be made; only who or what the far side is makes that final. */
  dial: 'told',
} as const;

/** One of the keys of {@link classification}. */
export type FailureKind = keyof typeof classification;

/** True when a failure passes by itself; `told` is what the far side or the error says of that. */
export function isPassing(kind: FailureKind, told = false): boolean {
  const way = classification[kind];
  return way === 'told' ? told : way === 'transient';
}

/** True for the error of a dial that trying the same address again cannot help. */
export function isFinalDial(error: Error): error is HoldfastError {
  return isHoldfastError(error) && !isPassing('dial', !error.final);
}

/** How one attempt failed: what `retryIf` is told. */
export interface AttemptFailure {
  readonly kind: Exclude<FailureKind, 'dial'>;
  /** How the client classifies it: true when it is thought to pass by itself. */
  readonly transient: boolean;
  /** The code of the error with which the call fails if it is not sent again. */
  readonly code: ErrorCode;
  readonly message: string;
  /** With `remote`: what the handler threw. */
  readonly remote?: RemoteFailure | undefined;
  /** With `refused`: the server's hint. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** What is wrong with an answer, for the history of its call. */
export function inShort({ kind, message }: AttemptFailure): string {
  if (kind === 'remote') return `the handler failed: ${message}`;
  return kind === 'decode' ? `its reply cannot be read: ${message}` : `its reply: ${message}`;
}

/** The failure of an attempt, classified. */
export function failed(
  kind: AttemptFailure['kind'],
  code: ErrorCode,
  message: string,
  details: Partial<Pick<AttemptFailure, 'remote' | 'retryAfterMs' | 'cause'>> & {
    /** What the far side says: that it passes. */
    readonly told?: boolean;
  } = {},
): AttemptFailure {
  const { told, ...more } = details;
  return { kind, transient: isPassing(kind, told), code, message, ...more };
}
