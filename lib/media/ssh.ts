import type { Channel, Medium } from './medium.ts';
import { dialSsh, type SshPlace } from './ssh/dial.ts';
import { resolveSshOptions, type SshOptions } from './ssh/options.ts';
import { parseSshUrl, sshAddress } from './ssh/url.ts';

export type { SshOptions, SshPrompt, SshTarget } from './ssh/options.ts';

/**
 * SSH by the package `ssh2`: one connection for each channel. The host's key is verified before
 * anything else, as OpenSSH does it.
 */
class Ssh implements Medium {
  readonly address: string;
  readonly #place: SshPlace;

  constructor(options: SshOptions) {
    const settings = resolveSshOptions(options);
    const { scheme, authority, address } = sshAddress(settings);
    this.address = address;
    this.#place = { settings, address, peer: { medium: scheme, address: authority } };
  }

  dial(signal: AbortSignal): Promise<Channel> {
    return dialSsh(this.#place, signal);
  }
}

/**
 * A server that is reached through SSH: a command that is run there, or a Unix socket or TCP
 * address that is forwarded to. Needs the package `ssh2`.
 *
 * @throws HoldfastError `ERR_HOLDFAST_OPTION`
 */
export function ssh(options: SshOptions): Medium {
  return new Ssh(options);
}

/**
 * The medium of a URL: `ssh://user@host:port/?command=…`, `ssh+unix://user@host/path` or
 * `ssh+tcp://user@host/host2:port2`. Parameters `privateKeyFile`, `knownHostsFiles` and
 * `unknownHost` are options of the same name.
 *
 * @throws HoldfastError `ERR_HOLDFAST_URL`, `ERR_HOLDFAST_OPTION`
 */
export function mediumFromUrl(url: string): Medium {
  return ssh(parseSshUrl(url));
}
