import { HoldfastError } from '../../errors.ts';
import { show } from '../../util/check.ts';
import { suggestion } from '../../util/nearest.ts';
import type { OpensshOptions } from '../openssh/options.ts';
import type { SshOptions, SshSettings } from './options.ts';

const examples: Readonly<Record<string, string>> = {
  ssh: 'ssh://user@host:22/?command=my-server%20--stdio',
  'ssh+unix': 'ssh+unix://user@host:22/run/my-server.sock',
  'ssh+tcp': 'ssh+tcp://user@host:22/127.0.0.1:4155',
  openssh: 'openssh://host/?command=my-server%20--stdio',
};

/** Options that a URL's parameters can give, by scheme. */
const files = ['privateKeyFile', 'knownHostsFiles', 'unknownHost'];
const parameters: Readonly<Record<string, readonly string[]>> = {
  ssh: ['command', ...files],
  'ssh+unix': files,
  'ssh+tcp': files,
  openssh: ['command', 'configFile'],
};

/** What a URL of `ssh:`, `ssh+unix:` or `ssh+tcp:` says. Throws `ERR_HOLDFAST_URL`. */
export function parseSshUrl(url: string): SshOptions {
  const { scheme, path, ...options } = partsOf(url);
  if (scheme === 'ssh') return commandOf(scheme, path, options);
  const example = examples[scheme];
  if (scheme === 'ssh+unix') {
    if (path.length < 2) throw urlError(`the path of the remote socket is missing: ${example}`);
    return { ...options, forwardTo: { path } };
  }
  const [, bracketed, plain, port] = /^\/(?:\[([^\]]+)\]|([^:/]+)):(\d{1,5})$/.exec(path) ?? [];
  if (port === undefined) throw urlError(`the remote host and port are missing: ${example}`);
  return { ...options, forwardTo: { host: (bracketed ?? plain) as string, port: Number(port) } };
}

/** What a URL of `openssh:` says. Throws `ERR_HOLDFAST_URL`. */
export function parseOpensshUrl(url: string): OpensshOptions {
  const { scheme, path, ...options } = partsOf(url);
  return commandOf(scheme, path, options) as OpensshOptions;
}

/** A place as a URL says it, without secrets; what errors and events call it. */
export interface Address {
  readonly scheme: string;
  /** `user@host:port` */
  readonly authority: string;
  readonly address: string;
}

/** The address of what is reached by ssh2. */
export function sshAddress({ host, port, user, command, forwardTo }: SshSettings): Address {
  const authority = authorityOf(host, user, port === 22 ? undefined : port);
  if (forwardTo === undefined) return addressOf('ssh', authority, queryOf(command));
  if ('path' in forwardTo) {
    const path = forwardTo.path.split('/').map(encodeURIComponent).join('/');
    return addressOf('ssh+unix', authority, path);
  }
  return addressOf(
    'ssh+tcp',
    authority,
    `/${authorityOf(forwardTo.host, undefined, forwardTo.port)}`,
  );
}

/** The address of what is reached by the system's ssh. */
export function opensshAddress({ host, port, user, command }: OpensshOptions): Address {
  return addressOf('openssh', authorityOf(host, user, port), queryOf(command));
}

function addressOf(scheme: string, authority: string, rest: string): Address {
  return { scheme, authority, address: `${scheme}://${authority}${rest}` };
}

function queryOf(command = ''): string {
  return `/?command=${encodeURIComponent(command)}`;
}

function authorityOf(host: string, user: string | undefined, port: number | undefined): string {
  const before = user === undefined ? '' : `${encodeURIComponent(user)}@`;
  const name = host.includes(':') ? `[${host}]` : host.replaceAll('%', '%25');
  return `${before}${name}${port === undefined ? '' : `:${port}`}`;
}

/** What all the schemes have in common. */
interface Parts {
  readonly scheme: string;
  readonly path: string;
  readonly host: string;
  readonly port?: number;
  readonly user?: string;
  readonly command?: string;
}

function partsOf(url: string): Parts {
  // Node would leave them out without a word: another host, another command.
  if (/[\t\n\r]/.test(url)) {
    throw urlError('it has a line break or a tab; write it as %0A, %0D or %09');
  }
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const scheme = parsed?.protocol.slice(0, -1) ?? '';
  const example = examples[scheme];
  // Without the URL itself: it may have a password in a place where nobody looks for it.
  if (parsed === undefined || example === undefined) {
    throw urlError(`it must look like ${Object.values(examples).join(' or ')}`);
  }
  const { username, password, port, pathname, hash, searchParams } = parsed;
  const host = decode(parsed.hostname.replace(/^\[|\]$/g, ''));
  if (host === '') throw urlError(`the host is missing: ${example}`);
  if (password !== '') {
    throw urlError('a password does not belong into a URL; the function ssh() takes one');
  }
  if (hash !== '') throw urlError('it has a "#"; write it as %23');
  return {
    scheme,
    path: decode(pathname),
    host,
    ...(port === '' ? {} : { port: Number(port) }),
    ...(username === '' ? {} : { user: decode(username) }),
    ...parametersOf(searchParams, parameters[scheme] ?? []),
  };
}

function parametersOf(
  searchParams: URLSearchParams,
  allowed: readonly string[],
): Record<string, string> {
  const given: Record<string, string> = {};
  for (const [name, value] of searchParams) {
    if (!allowed.includes(name)) {
      throw urlError(`unknown parameter ${show(name)}${suggestion(name, allowed)}`);
    }
    if (Object.hasOwn(given, name)) throw urlError(`parameter "${name}" is there twice`);
    given[name] = value;
  }
  return given;
}

function commandOf<Options extends { readonly command?: string }>(
  scheme: string,
  path: string,
  options: Options,
): Options {
  const example = examples[scheme];
  if (path !== '' && path !== '/') throw urlError(`an ${scheme} URL has no path: ${example}`);
  if (options.command === undefined) throw urlError(`the command is missing: ${example}`);
  return options;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw urlError(`${show(text)} has a "%" without two hexadecimal digits behind it`);
  }
}

function urlError(why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_URL', `Cannot use the URL: ${why}`, { final: true });
}
