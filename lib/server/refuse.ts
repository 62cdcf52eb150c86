import { HoldfastError } from '../errors.ts';

/** A handler did nothing and says so. */
export interface RefuseOptions {
  /** Why, for the caller. Default: "the server refused the call". */
  readonly message?: string;
  /** The client may try again after so many milliseconds; without it, it does not. */
  readonly retryAfterMs?: number;
}

/**
 * The error that a handler throws when it did nothing: `throw refuse({ retryAfterMs: 500 })`. The
 * caller's outcome is then `not-executed`, whatever the verb's class.
 */
export function refuse({
  message = 'the server refused the call',
  retryAfterMs,
}: RefuseOptions = {}): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_REFUSED', message, {
    outcome: 'not-executed',
    retryAfterMs,
    final: retryAfterMs === undefined,
  });
}
