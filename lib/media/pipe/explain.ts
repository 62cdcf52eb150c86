import { stat } from 'node:fs/promises';
import { codeOf, HoldfastError, messageOf } from '../../errors.ts';
import type { ChildEnd } from '../child-channel.ts';

/** Why a program could not be started, where trying again cannot help. */
const finalReasons: Readonly<Record<string, string>> = {
  ENOENT: 'it was not found; give its path, or see to PATH',
  EACCES: 'permission denied: it must be a file that this user may execute',
  EPERM: 'permission denied',
  ENOEXEC: 'it is no program: it has neither a known format nor a first line with "#!"',
  ENOTDIR: 'a part of its path is no folder',
  ELOOP: 'its path has too many symbolic links',
  ENAMETOOLONG: 'its path is too long',
  E2BIG: 'its arguments and its environment are too long',
};

/** The error of a program that could not be started. */
export async function explainStart(
  error: unknown,
  address: string,
  cwd: string | undefined,
): Promise<HoldfastError> {
  const code = codeOf(error);
  const reason = Object.hasOwn(finalReasons, code) ? finalReasons[code] : undefined;
  // The system says the same of a program and of a folder that is missing.
  const why = (await folderFault(cwd)) ?? reason ?? messageOf(error);
  const final = reason !== undefined;
  const message = `Cannot start the program of ${address}: ${why}`;
  return new HoldfastError('ERR_HOLDFAST_DIAL', message, { final, cause: error });
}

async function folderFault(cwd: string | undefined): Promise<string | undefined> {
  if (cwd === undefined) return undefined;
  try {
    const isFolder = (await stat(cwd)).isDirectory();
    return isFolder ? undefined : `the folder ${cwd} is none`;
  } catch (error) {
    return `the folder ${cwd} cannot be entered (${codeOf(error)})`;
  }
}

/** Why a program ended, as an error; undefined for an orderly end. */
export function explainEnd(
  { code, signal, hasServed, stderr }: ChildEnd,
  address: string,
): HoldfastError | undefined {
  if (code === 0 && hasServed) return undefined;
  const how =
    signal !== undefined
      ? `was killed by ${signal}`
      : code === undefined
        ? 'closed its stdout or stdin and did not exit'
        : `exited with code ${code}`;
  const when = hasServed ? '' : ' before it said anything';
  return new HoldfastError(
    hasServed ? 'ERR_HOLDFAST_LOST' : 'ERR_HOLDFAST_DIAL',
    `The program of ${address} ${how}${when}${stderr.suffix}`,
  );
}
