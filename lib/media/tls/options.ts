import { isIP } from 'node:net';
import {
  type Check,
  type Checks,
  milliseconds,
  ofType,
  oneOf,
  optionError,
  resolveOptions,
  show,
  wholeNumber,
} from '../../util/check.ts';
import { type Credentials, checkCredentials, listOf, type Pem } from './credentials.ts';

/** Whether a listener's clients must show a certificate. One that is shown must be right. */
export type ClientCertificates = 'required' | 'optional' | 'none';

/** Where a TLS server is, or shall be, and what both ends show each other. */
export interface TlsOptions {
  /** Name or address. Default `127.0.0.1`. */
  readonly host?: string;
  /** Port; for a listener, 0 lets the system choose. */
  readonly port: number;
  /**
   * Certificates of the authorities that the far end's certificate must come from. Default when
   * dialling: those that Node knows. A listener without them asks clients for no certificate.
   */
  readonly ca?: Pem | readonly Pem[];
  /** The own certificate, followed by those between it and the authority. A listener must have one. */
  readonly cert?: Pem;
  /** The private key of `cert`. */
  readonly key?: Pem;
  /** Of the key, when it is encrypted. */
  readonly passphrase?: string;
  /** Dialling: the name that is asked for, and that the certificate must have. Default: `host`. */
  readonly servername?: string;
  /** Listener only. Default: `required` when `ca` is given, otherwise `none`. */
  readonly clientCertificates?: ClientCertificates;
  /** Listener only: how long a handshake may take, in milliseconds. Default 10 s. */
  readonly handshakeTimeoutMs?: number;
}

/** {@link TlsOptions} with their defaults. */
export type TlsSettings = Readonly<TlsOptions & typeof defaults>;

const defaults = { host: '127.0.0.1', handshakeTimeoutMs: 10_000 };

const notEmpty: Check = (name, value) => {
  ofType('string')(name, value);
  if (value === '') throw optionError(`Option "${name}" must not be empty`);
};

/** Values of secrets stay out of errors. */
const pem: Check = (name, value) => {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
    throw optionError(`Option "${name}" must be text or bytes in PEM format`);
  }
};

const checks: Checks<TlsOptions> = {
  host: notEmpty,
  port: wholeNumber(0, 65_535),
  ca: (name, value) => {
    for (const one of Array.isArray(value) ? value : [value]) pem(name, one);
  },
  cert: pem,
  key: pem,
  passphrase: (name, value) => {
    if (typeof value !== 'string') throw optionError(`Option "${name}" must be a string`);
  },
  servername: (name, value) => {
    notEmpty(name, value);
    if (isIP(value as string) !== 0) {
      throw optionError(`Option "${name}" must be a name, not an address, got ${show(value)}`);
    }
  },
  clientCertificates: oneOf(['required', 'optional', 'none']),
  handshakeTimeoutMs: milliseconds(1),
};

/** Checks the options, but for the credentials, and fills them in. Throws `ERR_HOLDFAST_OPTION`. */
export function resolveTlsOptions(options: TlsOptions): TlsSettings {
  const settings = resolveOptions('tls option', options, defaults, checks);
  checks.port('port', settings.port);
  return settings;
}

/** Checks certificates and keys, and what depends on them. Throws `ERR_HOLDFAST_OPTION`. */
export function checkSettings(settings: TlsSettings & Credentials): void {
  checkCredentials(settings);
  const { ca, clientCertificates = 'none' } = settings;
  if (clientCertificates !== 'none' && listOf(ca).length === 0) {
    throw optionError(`With the tls option "clientCertificates" there must be a "ca"`);
  }
}
