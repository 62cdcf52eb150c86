import { HoldfastError } from '../errors.ts';
import type { Channel, InheritedSocket, Listener, Listening, Medium } from './medium.ts';
import { sharedLookup } from './shared-lookup.ts';
import {
  type CredentialFiles,
  type Credentials,
  listOf,
  readCredentials,
} from './tls/credentials.ts';
import { dialTls } from './tls/dial.ts';
import { listenTls } from './tls/listen.ts';
import {
  checkSettings,
  resolveTlsOptions,
  type TlsOptions,
  type TlsSettings,
} from './tls/options.ts';
import { parseTlsUrl, tlsUrl } from './tls/url.ts';

export type { PeerIdentity } from './medium.ts';
export type { Pem } from './tls/credentials.ts';
export type { ClientCertificates, TlsOptions } from './tls/options.ts';

/**
 * TLS 1.2 or later over TCP, with a certificate of the server or of both sides. There is no early
 * data: Node neither sends nor takes it.
 */
class Tls implements Medium, Listener {
  readonly address: string;
  readonly losesPackets = true;
  readonly #settings: TlsSettings;
  readonly #lookup = sharedLookup();
  /** Where the credentials are, when they are not in the settings. */
  readonly #files: CredentialFiles | undefined;

  constructor(settings: TlsSettings, files?: CredentialFiles) {
    this.#settings = settings;
    this.#files = files;
    this.address = tlsUrl(settings.host, settings.port);
  }

  async dial(signal: AbortSignal, onAnswered?: () => void): Promise<Channel> {
    const { host, port, servername } = this.#settings;
    signal.throwIfAborted();
    const credentials = await this.#credentials('ERR_HOLDFAST_DIAL');
    const { address } = this;
    const lookup = this.#lookup;
    const place = { host, port, servername, credentials, address, lookup };
    return dialTls(place, signal, onAnswered);
  }

  listen(accept: (channel: Channel) => void): Promise<Listening> {
    return this.#listen(accept);
  }

  adopt(socket: InheritedSocket, accept: (channel: Channel) => void): Promise<Listening> {
    return this.#listen(accept, socket);
  }

  async #listen(
    accept: (channel: Channel) => void,
    inherited?: InheritedSocket,
  ): Promise<Listening> {
    const { host, port, handshakeTimeoutMs } = this.#settings;
    const credentials = await this.#credentials('ERR_HOLDFAST_LISTEN');
    if (credentials.cert === undefined) {
      const message = `Cannot listen at ${this.address}: a TLS server needs "cert" and "key"`;
      throw new HoldfastError('ERR_HOLDFAST_LISTEN', message, { final: true });
    }
    const byDefault = listOf(credentials.ca).length > 0 ? 'required' : 'none';
    const { clientCertificates = byDefault } = this.#settings;
    const house = { host, port, handshakeTimeoutMs, clientCertificates, credentials };
    return listenTls(house, accept, inherited);
  }

  async #credentials(code: 'ERR_HOLDFAST_DIAL' | 'ERR_HOLDFAST_LISTEN'): Promise<Credentials> {
    return this.#files === undefined ? this.#settings : readCredentials(this.#files, code);
  }
}

/**
 * A TLS address, to dial or to listen on. Both ends must agree to `holdfast/1` (ALPN). What is wrong
 * with a certificate is final: nothing is dialled again for it.
 *
 * @throws HoldfastError `ERR_HOLDFAST_OPTION`
 */
export function tls(options: TlsOptions): Medium & Listener {
  const settings = resolveTlsOptions(options);
  checkSettings(settings);
  return new Tls(settings);
}

function fromUrl(url: string): Medium & Listener {
  const { options, files } = parseTlsUrl(url);
  return new Tls(resolveTlsOptions(options), files);
}

/**
 * The medium of a URL `tls://host:port`; the parameters `ca`, `cert` and `key` name files in PEM
 * format, which are read at each dial, and `servername` is the option of that name.
 *
 * @throws HoldfastError `ERR_HOLDFAST_URL`, `ERR_HOLDFAST_OPTION`
 */
export function mediumFromUrl(url: string): Medium {
  return fromUrl(url);
}

/**
 * The listener of such a URL; with `ca`, clients must have a certificate from there.
 *
 * @throws HoldfastError `ERR_HOLDFAST_URL`, `ERR_HOLDFAST_OPTION`
 */
export function listenerFromUrl(url: string): Listener {
  return fromUrl(url);
}
