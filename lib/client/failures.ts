import { type ErrorCode, HoldfastError, messageOf, type Outcome } from '../errors.ts';
import type { Call } from './call.ts';

/** The error of a call that failed on the way: with all that is known of it. */
export function callError(
  call: Call,
  code: ErrorCode,
  why: string,
  outcome: Outcome,
  more: { cause?: unknown; retryAfterMs?: number | undefined; final?: boolean } = {},
): HoldfastError {
  const known = {
    'not-executed': 'it was not executed',
    executed: 'it was executed',
    unknown: 'it may have been executed',
  };
  return new HoldfastError(code, `Call "${call.verb.name}" failed: ${why}; ${known[outcome]}`, {
    verb: call.verb.name,
    outcome,
    attempts: call.history ?? [],
    ...more,
  });
}

/** An error that arose before there was a call, with the verb's name added. */
export function atVerb(error: HoldfastError, verb: string): HoldfastError {
  return new HoldfastError(error.code, `Call "${verb}" failed: ${error.message}`, {
    verb,
    outcome: error.outcome,
    cause: error.cause ?? error,
    final: error.final,
  });
}

/** An error of the transport, in words that fit behind a colon. */
export function inWords(cause: Error | undefined): string {
  return cause === undefined ? 'the connection ended' : messageOf(cause);
}
