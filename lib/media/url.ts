import { HoldfastError } from '../errors.ts';
import { show } from '../util/check.ts';
import { suggestion } from '../util/nearest.ts';
import { lazy, type MediumModule } from './lazy.ts';
import type { Listener, Medium } from './medium.ts';
import { type TcpOptions, tcp } from './tcp.ts';
import { type UnixOptions, unix } from './unix.ts';

/** Media that are loaded when they are used, by scheme. */
const laterSchemes: Readonly<Record<string, () => Promise<MediumModule>>> = {
  ssh: () => import('./ssh.ts'),
  'ssh+unix': () => import('./ssh.ts'),
  'ssh+tcp': () => import('./ssh.ts'),
  openssh: () => import('./openssh.ts'),
  tls: () => import('./tls.ts'),
  pipe: () => import('./pipe.ts'),
  stdio: () => import('./stdio.ts'),
};

/** The schemes of this package, and what makes an address of the rest of the URL. */
const schemes: Readonly<Record<string, (url: string) => Medium & Listener>> = {
  tcp: (url) => tcp(tcpAddress(url)),
  unix: (url) => unix(unixAddress(url)),
  ...Object.fromEntries(
    Object.entries(laterSchemes).map(([scheme, load]) => [
      scheme,
      (url: string) => lazy(url, withoutSecrets(url), load, scheme === 'tls'),
    ]),
  ),
};

/** The medium that a URL names. Throws `ERR_HOLDFAST_URL`. */
export function mediumOf(url: string): Medium {
  return addressOf(url);
}

/** The listener that a URL names. Throws `ERR_HOLDFAST_URL`. */
export function listenerOf(url: string): Listener {
  return addressOf(url);
}

function addressOf(url: string): Medium & Listener {
  const scheme = /^([a-z][a-z0-9+.-]*):/.exec(url)?.[1];
  if (scheme === undefined) {
    throw urlError(url, `it must start with one of ${schemeList()}`);
  }
  const parse = Object.hasOwn(schemes, scheme) ? schemes[scheme] : undefined;
  if (parse === undefined) {
    throw urlError(
      url,
      `unknown scheme "${scheme}"${suggestion(scheme, Object.keys(schemes))} (known: ${schemeList()})`,
    );
  }
  return parse(url);
}

/**
 * The address in a `tcp:` or `unix:` URL, as Node's sockets take it. Throws `ERR_HOLDFAST_URL`,
 * also for every other scheme.
 */
export function socketAddressOf(url: string): TcpOptions | UnixOptions {
  if (url.startsWith('unix:')) return unixAddress(url);
  if (url.startsWith('tcp:')) return tcpAddress(url);
  throw urlError(url, 'only tcp: and unix: name a socket');
}

function unixAddress(url: string): UnixOptions {
  return { path: url.slice('unix:'.length).replace(/^\/\/(?=\/)/, '') };
}

function tcpAddress(url: string): TcpOptions {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    // Without a cause: Node's error carries the whole URL, password included.
    throw urlError(
      url,
      'it must look like tcp://127.0.0.1:4155 or tcp://[::1]:4155, with a port from 0 to 65535',
    );
  }
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  if (host === '') throw urlError(url, 'the host is missing');
  if (parsed.port === '') throw urlError(url, 'the port is missing, e.g. tcp://127.0.0.1:4155');
  if (parsed.username !== '' || parsed.password !== '') {
    throw urlError(url, 'a tcp URL has no user or password');
  }
  if ((parsed.pathname !== '' && parsed.pathname !== '/') || parsed.search || parsed.hash) {
    throw urlError(url, 'a tcp URL ends after the port');
  }
  return { host, port: Number(parsed.port) };
}

function schemeList(): string {
  return Object.keys(schemes)
    .map((scheme) => `${scheme}:`)
    .join(', ');
}

function urlError(url: string, why: string): HoldfastError {
  const message = `Cannot use the URL ${show(withoutSecrets(url))}: ${why}`;
  return new HoldfastError('ERR_HOLDFAST_URL', message, { final: true });
}

/** What stands before an "@" may hold a password. */
export function withoutSecrets(url: string): string {
  return url.replace(/^([a-z0-9+.-]+:\/\/)?.*@/is, '$1…@');
}
