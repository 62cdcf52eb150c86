import { HoldfastError } from '../errors.ts';
import type { LastLines } from './last-lines.ts';

/** How a command at the far end ended. */
export interface RemoteExit {
  readonly code: number | undefined;
  /** E.g. `SIGKILL`. */
  readonly signal: string | undefined;
}

/** What a shell says of a command that it cannot find, or cannot run. */
const notFound = 127;
const notRunnable = 126;

/**
 * The error that a remote command's end is; undefined when it is an orderly end.
 *
 * @param hasServed whether the command had sent any bytes: then a code of 127 is its own
 */
export function remoteExitError(
  { code, signal }: RemoteExit,
  hasServed: boolean,
  address: string,
  stderr: LastLines,
): HoldfastError | undefined {
  if (code === 0 || (code === undefined && signal === undefined)) return undefined;
  const errorCode = hasServed ? 'ERR_HOLDFAST_LOST' : 'ERR_HOLDFAST_DIAL';
  if (!hasServed && (code === notFound || code === notRunnable)) {
    const what = code === notFound ? 'was not found' : 'cannot be run';
    const message = `The remote command of ${address} ${what} (exit code ${code})${stderr.suffix}`;
    return new HoldfastError(errorCode, message, { final: true });
  }
  const how = signal === undefined ? `exited with code ${code}` : `was killed by ${signal}`;
  return new HoldfastError(errorCode, `The remote command of ${address} ${how}${stderr.suffix}`);
}
