import { HoldfastError } from '../../errors.ts';
import { show } from '../../util/check.ts';
import { suggestion } from '../../util/nearest.ts';
import type { PipeOptions } from './options.ts';

const scheme = 'pipe:';
const example = 'pipe:?command=my-server&arg=--stdio';

/** Parameters of a URL. */
const parameters = ['command', 'arg', 'cwd'];

/** What a URL says. Throws `ERR_HOLDFAST_URL`. */
export function parsePipeUrl(url: string): PipeOptions {
  if (!url.startsWith(`${scheme}?`)) throw urlError(url, `it must look like ${example}`);
  if (url.includes('#')) throw urlError(url, 'it has a "#"; write it as %23');
  const args: string[] = [];
  const given: { command?: string; cwd?: string } = {};
  for (const [name, value] of new URLSearchParams(url.slice(scheme.length))) {
    if (name === 'arg') {
      args.push(value);
    } else if (name === 'command' || name === 'cwd') {
      if (given[name] !== undefined) throw urlError(url, `parameter "${name}" is there twice`);
      if (value === '') throw urlError(url, `parameter "${name}" is empty`);
      given[name] = value;
    } else {
      throw urlError(url, `unknown parameter ${show(name)}${suggestion(name, parameters)}`);
    }
  }
  const { command } = given;
  if (command === undefined) throw urlError(url, `the command is missing, e.g. ${example}`);
  return { ...given, command, args };
}

/** The URL of a program. */
export function pipeUrl({ command, args = [] }: PipeOptions): string {
  return `${scheme}?command=${encode(command)}${args.map((arg) => `&arg=${encode(arg)}`).join('')}`;
}

/** A path stays readable. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll('%2F', '/').replaceAll('%3A', ':');
}

function urlError(url: string, why: string): HoldfastError {
  const message = `Cannot use the URL ${show(url)}: ${why}`;
  return new HoldfastError('ERR_HOLDFAST_URL', message, { final: true });
}
