import {
  type Checks,
  milliseconds,
  ofType,
  optionError,
  resolveOptions,
  show,
  wholeNumber,
} from '../../util/check.ts';
import { hostCheck, textCheck } from '../ssh/checks.ts';

/** How to reach a server through the system's ssh client. What is not given, its configuration says. */
export interface OpensshOptions {
  /** Name or address of the SSH server, or a `Host` of the user's configuration. */
  readonly host: string;
  /** What is run at the far end, by the user's shell there; it serves on its stdin and stdout. */
  readonly command: string;
  readonly port?: number;
  readonly user?: string;
  /** The ssh client. Default `ssh`, as it is found in `PATH`. */
  readonly program?: string;
  /** Configuration file instead of the user's and the system's (`-F`). */
  readonly configFile?: string;
  /** More options of ssh, e.g. `['-o', 'ProxyJump=gate']`; each is passed as it is. */
  readonly args?: readonly string[];
  /** False lets ssh ask at the terminal. Default true: it asks nothing and fails. */
  readonly batchMode?: boolean;
  /**
   * Time for the TCP connect and the SSH handshake, in milliseconds; ssh counts whole seconds.
   * Default 10 s, unless the user's configuration sets `ConnectTimeout`.
   */
  readonly connectTimeoutMs?: number;
  /**
   * After so much silence the server is asked for a sign of life; 0 for never. In whole seconds.
   * Default 15 s, unless the user's configuration sets `ServerAliveInterval`.
   */
  readonly keepaliveMs?: number;
  /** After so many questions without an answer ssh gives the connection up. Default 3. */
  readonly keepaliveCount?: number;
  /** The ssh client's environment. Default: that of this process. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Options with those defaults that do not depend on the user's configuration. */
export interface OpensshSettings extends OpensshOptions {
  readonly program: string;
  readonly args: readonly string[];
  readonly batchMode: boolean;
}

const defaults = { program: 'ssh', args: [], batchMode: true };

const checks: Checks<OpensshOptions> = {
  host: hostCheck,
  command: textCheck,
  port: wholeNumber(1, 65_535),
  user: (name, value) => {
    ofType('string')(name, value);
    // It may come to stand in a command line of the user's configuration (ProxyCommand).
    if (!/^(?!-)[\w.@+-]{1,255}$/.test(value as string)) {
      throw optionError(
        `Option "${name}" must be of letters, digits and ". _ @ + -", got ${show(value)}`,
      );
    }
  },
  program: textCheck,
  configFile: textCheck,
  args: (name, value) => {
    if (!Array.isArray(value)) throw optionError(`Option "${name}" must be an array of strings`);
    for (const one of value) textCheck(name, one);
  },
  batchMode: ofType('boolean'),
  connectTimeoutMs: milliseconds(1),
  keepaliveMs: milliseconds(),
  keepaliveCount: wholeNumber(1, 1_000),
  env: ofType('object'),
};

/** Checks the options and fills them in. Throws `ERR_HOLDFAST_OPTION`. */
export function resolveOpensshOptions(options: OpensshOptions): OpensshSettings {
  const settings = resolveOptions('openssh option', options, defaults, checks);
  hostCheck('host', settings.host);
  textCheck('command', settings.command);
  return settings;
}
