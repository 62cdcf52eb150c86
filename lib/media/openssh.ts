import { codeOf, HoldfastError, messageOf } from '../errors.ts';
import { unlessAborted } from '../util/unless-aborted.ts';
import { startChild } from './child.ts';
import { ChildChannel, type ChildEnd } from './child-channel.ts';
import type { Channel, Medium, Peer } from './medium.ts';
import { findUserSettings, opensshArguments, type UserSettings } from './openssh/arguments.ts';
import { explainOpensshEnd } from './openssh/explain.ts';
import {
  type OpensshOptions,
  type OpensshSettings,
  resolveOpensshOptions,
} from './openssh/options.ts';
import { opensshAddress, parseOpensshUrl } from './ssh/url.ts';

export type { OpensshOptions } from './openssh/options.ts';

/** The system's ssh client, one process for each channel, with the user's own configuration. */
class Openssh implements Medium {
  readonly address: string;
  readonly #settings: OpensshSettings;
  readonly #peer: Peer;
  #userSettings: Promise<UserSettings> | undefined;

  constructor(options: OpensshOptions) {
    this.#settings = resolveOpensshOptions(options);
    const { authority, address } = opensshAddress(this.#settings);
    this.address = address;
    this.#peer = { medium: 'openssh', address: authority };
  }

  async dial(signal: AbortSignal): Promise<Channel> {
    const settings = this.#settings;
    signal.throwIfAborted();
    this.#userSettings ??= findUserSettings(settings);
    const userSettings = await unlessAborted(this.#userSettings, signal);
    if (!userSettings.isKnown) this.#userSettings = undefined;
    const args = opensshArguments(settings, userSettings);
    try {
      const child = await startChild(
        { program: settings.program, args, env: settings.env },
        signal,
      );
      const explain = (end: ChildEnd): Error | undefined => explainOpensshEnd(end, this.address);
      return new ChildChannel(child, this.#peer, explain);
    } catch (error) {
      if (signal.aborted) throw error;
      const code = codeOf(error);
      const why = code === 'ENOENT' ? 'it was not found; is it installed?' : messageOf(error);
      const message = `Cannot start ${settings.program} for ${this.address}: ${why}`;
      // Of processes or descriptors there may be enough again.
      const final = ['ENOENT', 'EACCES'].includes(code);
      throw new HoldfastError('ERR_HOLDFAST_DIAL', message, { final, cause: error });
    }
  }
}

/**
 * A server that is reached through the system's own ssh client, so that everything in the user's
 * configuration holds: jump hosts, control masters, hardware keys, certificates. It asks nothing:
 * what needs a person at the keyboard fails, unless `batchMode` is off.
 *
 * @throws HoldfastError `ERR_HOLDFAST_OPTION`
 */
export function openssh(options: OpensshOptions): Medium {
  return new Openssh(options);
}

/**
 * The medium of a URL `openssh://user@host:port/?command=…`; user and port are optional, and the
 * parameter `configFile` is the option of that name.
 *
 * @throws HoldfastError `ERR_HOLDFAST_URL`, `ERR_HOLDFAST_OPTION`
 */
export function mediumFromUrl(url: string): Medium {
  return openssh(parseOpensshUrl(url));
}
