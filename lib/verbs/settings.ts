import {
  type Check,
  type Checks,
  milliseconds,
  numberFrom,
  optionError,
  show,
  wholeNumber,
} from '../util/check.ts';
import { isSchema } from './schema.ts';

/** What a verb says of itself beside its class. The server publishes it; the stricter side wins. */
export interface VerbSettings {
  /**
   * Deadline of a call over all its attempts, in ms. Default: the client's `timeoutMs`; but a stream
   * that has begun goes on beyond that while it has a link.
   */
  readonly timeoutMs?: number;
  /** Bound of one attempt, in ms. Default: the client's `attemptTimeoutMs`. Not for streams. */
  readonly attemptTimeoutMs?: number;
  /** How many attempts may have run before the client gives up. Default: the client's. */
  readonly maxAttempts?: number;
  /** For `idempotent`: not sent again later than this after the first sending, in ms. */
  readonly maxReplayAgeMs?: number;
  /** For two-phase writes: how long the first copy may hold what it took, in ms. */
  readonly leaseMs?: number;
  /**
   * For streams: longest wait for the next item, or for leave to send one, in ms. Default: none, the
   * link alone is watched.
   */
  readonly inactivityTimeoutMs?: number;
  /**
   * How many replays a call of the verb adds to the retry budget of its server: 1 bears that each
   * call is sent again once. Default: the `ratio` of the client's `retryBudget`.
   */
  readonly retryRatio?: number;
}

/** Checks of a verb's settings; a server's published table is held to the same. */
export const settingChecks: Checks<VerbSettings> = {
  timeoutMs: milliseconds(1),
  attemptTimeoutMs: milliseconds(1),
  maxAttempts: wholeNumber(1, 255),
  maxReplayAgeMs: milliseconds(),
  leaseMs: milliseconds(),
  inactivityTimeoutMs: milliseconds(1),
  retryRatio: numberFrom(0, 1_000),
};

/** Check of a validator. */
export const schemaCheck: Check = (name, value) => {
  if (isSchema(value)) return;
  throw optionError(
    `Verb option "${name}" must be a Standard Schema validator, got ${show(value)}`,
  );
};

/** Check of an option that only other verbs have. */
export function notFor(these: string): Check {
  return (name) => {
    throw optionError(`Verb option "${name}" is not for ${these}`);
  };
}
