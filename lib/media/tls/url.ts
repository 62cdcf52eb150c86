import { HoldfastError } from '../../errors.ts';
import { show } from '../../util/check.ts';
import { suggestion } from '../../util/nearest.ts';
import { hostPort } from '../host-port.ts';
import type { CredentialFiles } from './credentials.ts';
import type { TlsOptions } from './options.ts';

const example = 'tls://backup.example:4155?ca=/etc/holdfast/ca.pem';

/** Parameters of a URL. */
const parameters = ['ca', 'cert', 'key', 'servername'];

/** What a URL says: options, and files with certificates and keys. Throws `ERR_HOLDFAST_URL`. */
export function parseTlsUrl(url: string): { options: TlsOptions; files: CredentialFiles } {
  // Without the URL itself: it may have a password in a place where nobody looks for it.
  if (!URL.canParse(url)) throw urlError(`it must look like ${example}`);
  const { hostname, port, username, password, pathname, searchParams, hash } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  if (host === '') throw urlError(`the host is missing, e.g. ${example}`);
  if (port === '') throw urlError(`the port is missing, e.g. ${example}`);
  if (username !== '' || password !== '') throw urlError('a tls URL has no user or password');
  if ((pathname !== '' && pathname !== '/') || hash !== '') {
    throw urlError(`behind the port there may be parameters only, e.g. ${example}`);
  }
  const { servername, ...files } = parametersOf(searchParams);
  const options = { host, port: Number(port), ...(servername === undefined ? {} : { servername }) };
  if ((files['cert'] === undefined) !== (files['key'] === undefined)) {
    throw urlError('of "cert" and "key" both must be there, or none');
  }
  return { options, files };
}

/** The URL of a host and port. */
export function tlsUrl(host: string, port: number): string {
  return `tls://${hostPort(host, port)}`;
}

function parametersOf(searchParams: URLSearchParams): Record<string, string> {
  const given: Record<string, string> = {};
  for (const [name, value] of searchParams) {
    if (!parameters.includes(name)) {
      throw urlError(`unknown parameter ${show(name)}${suggestion(name, parameters)}`);
    }
    if (Object.hasOwn(given, name)) throw urlError(`parameter "${name}" is there twice`);
    if (value === '') throw urlError(`parameter "${name}" is empty`);
    given[name] = value;
  }
  return given;
}

function urlError(why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_URL', `Cannot use the URL: ${why}`, { final: true });
}
