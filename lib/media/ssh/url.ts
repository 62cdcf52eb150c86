import { HoldfastError } from '../../errors.ts';
import { show } from '../../util/check.ts';
import { suggestion } from '../../util/nearest.ts';
import type { SshOptions, SshSettings } from './options.ts';

const examples: Readonly<Record<string, string>> = {
  ssh: 'ssh://user@host:22/?command=my-server%20--stdio',
  'ssh+unix': 'ssh+unix://user@host:22/run/my-server.sock',
  'ssh+tcp': 'ssh+tcp://user@host:22/127.0.0.1:4155',
};

/** Parameters of a URL that are options; a command is one of `ssh:` alone. */
const parameters = ['command', 'privateKeyFile', 'knownHostsFiles', 'unknownHost'] as const;

/** What a URL of one of the three schemes says. Throws `ERR_HOLDFAST_URL`. */
export function parseSshUrl(url: string): SshOptions {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const scheme = parsed?.protocol.slice(0, -1) ?? '';
  const example = examples[scheme];
  // Without the URL itself: it may have a password in a place where nobody looks for it.
  if (parsed === undefined || example === undefined) {
    throw urlError(`an ssh URL must look like ${Object.values(examples).join(' or ')}`);
  }
  const { username, password, port, pathname, hash, searchParams } = parsed;
  const host = decode(parsed.hostname.replace(/^\[|\]$/g, ''));
  if (host === '') throw urlError(`the host is missing: ${example}`);
  if (password !== '') {
    throw urlError('a password does not belong into a URL; use ssh({ password }) instead');
  }
  if (hash !== '') throw urlError('it has a "#"; write it as %23');
  const given = parametersOf(searchParams, scheme);
  const path = decode(pathname);
  return {
    host,
    ...(port === '' ? {} : { port: Number(port) }),
    ...(username === '' ? {} : { user: decode(username) }),
    ...(given as Partial<SshOptions>),
    ...target(scheme, path, given.command !== undefined, example),
  };
}

/** The URL of a place, without secrets; what errors and events call it. */
export function sshAddress({ host, port, user, command, forwardTo }: SshSettings): {
  readonly scheme: string;
  readonly authority: string;
  readonly address: string;
} {
  const name = host.includes(':') ? `[${host}]` : host;
  const authority = `${encodeURIComponent(user)}@${name}${port === 22 ? '' : `:${port}`}`;
  let scheme = 'ssh';
  let rest = `/?command=${encodeURIComponent(command ?? '')}`;
  if (forwardTo !== undefined && 'path' in forwardTo) {
    scheme = 'ssh+unix';
    rest = encodePath(forwardTo.path);
  } else if (forwardTo !== undefined) {
    scheme = 'ssh+tcp';
    rest = `/${forwardTo.host.includes(':') ? `[${forwardTo.host}]` : forwardTo.host}:${forwardTo.port}`;
  }
  return { scheme, authority, address: `${scheme}://${authority}${rest}` };
}

function target(scheme: string, path: string, hasCommand: boolean, example: string): object {
  if (scheme === 'ssh') {
    if (path !== '' && path !== '/') throw urlError(`an ssh URL has no path: ${example}`);
    if (!hasCommand) throw urlError(`the command is missing: ${example}`);
    return {};
  }
  if (scheme === 'ssh+unix') {
    if (path.length < 2) throw urlError(`the path of the remote socket is missing: ${example}`);
    return { forwardTo: { path } };
  }
  const [, bracketed, plain, port] = /^\/(?:\[([^\]]+)\]|([^:/]+)):(\d{1,5})$/.exec(path) ?? [];
  if (port === undefined) throw urlError(`the remote host and port are missing: ${example}`);
  return { forwardTo: { host: bracketed ?? plain, port: Number(port) } };
}

function parametersOf(
  searchParams: URLSearchParams,
  scheme: string,
): Partial<Record<(typeof parameters)[number], string>> {
  const allowed = parameters.filter((name) => name !== 'command' || scheme === 'ssh');
  const given: Record<string, string> = {};
  for (const [name, value] of searchParams) {
    if (!(allowed as readonly string[]).includes(name)) {
      throw urlError(`unknown parameter ${show(name)}${suggestion(name, allowed)}`);
    }
    if (Object.hasOwn(given, name)) throw urlError(`parameter "${name}" is there twice`);
    given[name] = value;
  }
  return given;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw urlError(`${show(text)} has a "%" without two hexadecimal digits behind it`);
  }
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

function urlError(why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_URL', `Cannot use the URL: ${why}`, { final: true });
}
