import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import {
  type Check,
  type Checks,
  milliseconds,
  ofType,
  oneOf,
  optionError,
  resolveOptions,
  wholeNumber,
} from '../../util/check.ts';
import { hostCheck, textCheck } from './checks.ts';

/** A question of the server's, for `onPrompt`. */
export interface SshPrompt {
  readonly text: string;
  /** False for secrets. */
  readonly echo: boolean;
}

/** Where the bytes go at the far end, when no command is run there. */
export type SshTarget =
  | { readonly path: string }
  | { readonly host: string; readonly port: number };

/** How to reach a server through SSH. Exactly one of `command` and `forwardTo` must be given. */
export interface SshOptions {
  /** Name or address of the SSH server. */
  readonly host: string;
  /** Default 22. */
  readonly port?: number;
  /** Default: the name of the user who runs this process. */
  readonly user?: string;
  /** What is run at the far end, by the user's shell there; it serves on its stdin and stdout. */
  readonly command?: string;
  /** A Unix socket or a TCP address, as the SSH server sees it. */
  readonly forwardTo?: SshTarget;
  /**
   * Socket of an SSH agent; false for none. Default: `SSH_AUTH_SOCK`, unless a key or a password
   * is given.
   */
  readonly agent?: string | false;
  /** A private key: its text or bytes. */
  readonly privateKey?: string | Uint8Array;
  /**
   * File with a private key; `~/` is the user's folder. Default: `~/.ssh/id_ed25519`, `id_ecdsa`
   * and `id_rsa` if there, unless a key, an agent or a password is given.
   */
  readonly privateKeyFile?: string;
  /** Of the private key. */
  readonly passphrase?: string;
  /** It also answers a server that asks for nothing but a password by keyboard-interactive. */
  readonly password?: string;
  /** Answers the server's questions (keyboard-interactive), one answer for each prompt. */
  readonly onPrompt?: (
    prompts: readonly SshPrompt[],
    about: { readonly name: string; readonly instructions: string },
  ) => readonly string[] | Promise<readonly string[]>;
  /** Lines in the format of `known_hosts`, instead of files. */
  readonly knownHosts?: string;
  /**
   * Files with known hosts; `~/` is the user's folder. Default: `~/.ssh/known_hosts`,
   * `~/.ssh/known_hosts2`, `/etc/ssh/ssh_known_hosts` and `/etc/ssh/ssh_known_hosts2`.
   */
  readonly knownHostsFiles?: string | readonly string[];
  /**
   * What to do with a host that is not known: `refuse`, or `accept-new`, which adds its key to the
   * first of the files. A host whose key has changed is always refused. Default `refuse`.
   */
  readonly unknownHost?: 'refuse' | 'accept-new';
  /** Time for everything up to an open channel, in milliseconds. Default 20 s. */
  readonly readyTimeoutMs?: number;
  /** After so much silence the server is asked for a sign of life; 0 for never. Default 15 s. */
  readonly keepaliveMs?: number;
  /** After so many questions without any sign of life the connection is given up. Default 3. */
  readonly keepaliveCount?: number;
}

const defaults = {
  port: 22,
  unknownHost: 'refuse' as const,
  readyTimeoutMs: 20_000,
  keepaliveMs: 15_000,
  keepaliveCount: 3,
};

/** Options with their defaults, and what follows from them. */
export interface SshSettings extends Readonly<Omit<SshOptions, 'knownHostsFiles'>> {
  readonly port: number;
  readonly user: string;
  readonly knownHostsFiles: readonly string[];
  readonly unknownHost: 'refuse' | 'accept-new';
  readonly readyTimeoutMs: number;
  readonly keepaliveMs: number;
  readonly keepaliveCount: number;
}

/** Values of secrets stay out of errors. */
const secret: Check = (name, value) => {
  if (typeof value !== 'string') throw optionError(`Option "${name}" must be a string`);
};

const checks: Checks<SshOptions> = {
  host: hostCheck,
  port: wholeNumber(1, 65_535),
  user: textCheck,
  command: textCheck,
  forwardTo: checkTarget,
  agent: (name, value) => {
    if (value !== false) textCheck(name, value);
  },
  privateKey: (name, value) => {
    if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
      throw optionError(`Option "${name}" must be a string or bytes`);
    }
  },
  privateKeyFile: textCheck,
  passphrase: secret,
  password: secret,
  onPrompt: ofType('function'),
  knownHosts: ofType('string'),
  knownHostsFiles: (name, value) => {
    for (const file of Array.isArray(value) ? value : [value]) textCheck(name, file);
  },
  unknownHost: oneOf(['refuse', 'accept-new']),
  readyTimeoutMs: milliseconds(1),
  keepaliveMs: milliseconds(),
  keepaliveCount: wholeNumber(1, 1_000),
};

/** Checks the options and fills them in. Throws `ERR_HOLDFAST_OPTION`. */
export function resolveSshOptions(options: SshOptions): SshSettings {
  const resolved = resolveOptions('ssh option', options, defaults, checks);
  const { command, forwardTo, knownHosts, knownHostsFiles, unknownHost } = resolved;
  hostCheck('host', resolved.host);
  if ((command === undefined) === (forwardTo === undefined)) {
    throw optionError(
      'One of the ssh options "command" and "forwardTo" must be given, and not both',
    );
  }
  if (resolved.privateKey !== undefined && resolved.privateKeyFile !== undefined) {
    throw optionError('Of the ssh options "privateKey" and "privateKeyFile" only one may be given');
  }
  if (knownHosts !== undefined && (knownHostsFiles !== undefined || unknownHost !== 'refuse')) {
    throw optionError(
      'With the ssh option "knownHosts" there are no files: "knownHostsFiles" and "accept-new" cannot be used',
    );
  }
  return {
    ...resolved,
    user: resolved.user ?? ownName(),
    knownHostsFiles: listOf(knownHostsFiles ?? defaultFiles).map(inHome),
  };
}

/** `~/` at the beginning of a path stands for the user's folder. */
export function inHome(path: string): string {
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : path;
}

const defaultFiles = [
  '~/.ssh/known_hosts',
  '~/.ssh/known_hosts2',
  '/etc/ssh/ssh_known_hosts',
  '/etc/ssh/ssh_known_hosts2',
];

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value;
}

function checkTarget(name: string, value: unknown): void {
  ofType('object')(name, value);
  const target = value as Partial<Record<'path' | 'host' | 'port', unknown>>;
  const names = Object.keys(target).sort().join();
  if (names === 'path') {
    textCheck(`${name}.path`, target.path);
  } else if (names === 'host,port') {
    hostCheck(`${name}.host`, target.host);
    wholeNumber(1, 65_535)(`${name}.port`, target.port);
  } else {
    throw optionError(`Option "${name}" must have either "path" or "host" and "port"`);
  }
}

function ownName(): string {
  try {
    return userInfo().username;
  } catch {
    throw optionError('Option "user" must be given: the process has a user without a name');
  }
}
