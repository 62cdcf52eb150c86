import { isHoldfastError } from '../errors.ts';

/** What the command's exit code says, so that a script can act on it. */
export const exitCodes = {
  0: 'done',
  1: 'it failed; a call was executed, and its handler failed',
  2: 'wrong use: nothing was done',
  3: 'not executed: it may be tried again, whatever its class',
  4: 'unknown: the call may have run, so look before you make it again',
  5: 'not executed, and trying again as it stands cannot help',
} as const;

/** One of the keys of {@link exitCodes}. */
export type ExitCode = keyof typeof exitCodes;

/** Codes of errors that come of how the command was used. */
const wrongUse: ReadonlySet<string> = new Set([
  'ERR_HOLDFAST_OPTION',
  'ERR_HOLDFAST_URL',
  'ERR_HOLDFAST_REGISTRY',
]);

/**
 * The exit code for what a command failed with.
 *
 * @param hasOutcome it makes calls, of which something is known
 */
export function exitCodeOf(error: unknown, hasOutcome: boolean): ExitCode {
  if (!isHoldfastError(error)) return 1;
  // An item that comes later may be wrong too.
  if (wrongUse.has(error.code) && error.outcome === 'not-executed') return 2;
  if (!hasOutcome) return 1;
  if (error.outcome === 'executed') return 1;
  if (error.outcome === 'unknown') return 4;
  return error.final ? 5 : 3;
}
