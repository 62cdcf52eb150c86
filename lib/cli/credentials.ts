import { readFileSync } from 'node:fs';
import { codeOf } from '../errors.ts';
import { optionError } from '../util/check.ts';
import { fromJson } from './json.ts';

/**
 * The credentials at `source`: `env:NAME` or `file:PATH`, never the secret itself, for everybody on
 * the machine can read what stands on a command line. A line break at the end is left out.
 *
 * @throws HoldfastError `ERR_HOLDFAST_OPTION`; it does not tell the secret
 */
export function readCredentials(
  source: string | undefined,
  isJson: boolean,
  env: NodeJS.ProcessEnv,
): unknown {
  if (source === undefined) {
    if (isJson) throw optionError('--credentials-json needs --credentials');
    return undefined;
  }
  const text = textAt(source, env).replace(/\r?\n$/, '');
  if (text === '') throw optionError(`There are no credentials at ${source}: it is empty`);
  if (!isJson) return text;
  try {
    return fromJson('it', text);
  } catch {
    // Node's own message quotes what it could not read.
    throw optionError(`The credentials at ${source} are not JSON`);
  }
}

function textAt(source: string, env: NodeJS.ProcessEnv): string {
  const [, kind, place = ''] = /^(env|file):(.+)$/s.exec(source) ?? [];
  if (kind === 'env') {
    const value = env[place];
    if (value === undefined) throw optionError(`The variable ${place} of --credentials is not set`);
    return value;
  }
  if (kind === 'file') {
    try {
      return readFileSync(place, 'utf8');
    } catch (error) {
      throw optionError(`Cannot read the file ${place} of --credentials: ${codeOf(error)}`);
    }
  }
  // What was given is not shown: it may be the secret.
  throw optionError(
    '--credentials must be env:NAME or file:PATH; a secret itself does not belong on the command line',
  );
}
