import { execFile } from 'node:child_process';
import type { OpensshSettings } from './options.ts';

/** What the user's configuration says of things that this medium has defaults for. */
export interface UserSettings {
  /** False when ssh could not be asked: then nothing counts as set. */
  readonly isKnown: boolean;
  readonly hasConnectTimeout: boolean;
  readonly hasKeepalive: boolean;
}

/** Asking ssh may run programs of the user's (`Match exec`). */
const askTimeoutMs = 3_000;

const defaultConnectTimeoutMs = 10_000;
const defaultKeepaliveMs = 15_000;
const defaultKeepaliveCount = 3;

/** ssh's arguments: nothing in them can be taken for anything else. */
export function opensshArguments(
  settings: OpensshSettings,
  user: Omit<UserSettings, 'isKnown'>,
): string[] {
  const { host, command, args, batchMode, connectTimeoutMs, keepaliveMs, keepaliveCount } =
    settings;
  const options: string[] = ['-T'];
  const set = (name: string, value: string | number): number =>
    options.push('-o', `${name}=${value}`);
  set('BatchMode', batchMode ? 'yes' : 'no');
  if (connectTimeoutMs !== undefined || !user.hasConnectTimeout) {
    set('ConnectTimeout', seconds(connectTimeoutMs ?? defaultConnectTimeoutMs));
  }
  if (keepaliveMs !== undefined || !user.hasKeepalive) {
    set('ServerAliveInterval', seconds(keepaliveMs ?? defaultKeepaliveMs));
  }
  if (keepaliveCount !== undefined || !user.hasKeepalive) {
    set('ServerAliveCountMax', keepaliveCount ?? defaultKeepaliveCount);
  }
  // The first that is said of an option counts, so what the application gives comes before ours.
  return [...args, ...options, ...placeArguments(settings), '--', host, command];
}

/**
 * Asks ssh what the user's configuration says of the host. Never rejects: what cannot be asked is
 * not set, and if something is wrong, ssh will say so when it connects.
 */
export function findUserSettings(settings: OpensshSettings): Promise<UserSettings> {
  const { program, args, env, host } = settings;
  const asked = [...args, '-G', ...placeArguments(settings), '--', host];
  const options = {
    env,
    timeout: askTimeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: 1024 * 1024,
  } as const;
  return new Promise((resolve) => {
    const child = execFile(program, asked, options, (error, stdout) => {
      const isKnown = error === null;
      resolve({ ...parseUserSettings(isKnown ? stdout : ''), isKnown });
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end();
  });
}

/** Reads what `ssh -G` prints: a name in small letters and a value on each line. */
export function parseUserSettings(text: string): Omit<UserSettings, 'isKnown'> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^(\S+) (.*)$/.exec(line.trimEnd()) ?? [];
    if (name !== undefined && value !== undefined) values.set(name, value);
  }
  const isSet = (name: string): boolean => !['', '0', 'none'].includes(values.get(name) ?? '');
  return {
    hasConnectTimeout: isSet('connecttimeout'),
    hasKeepalive: isSet('serveraliveinterval'),
  };
}

function placeArguments({ configFile, user, port }: OpensshSettings): string[] {
  return [
    ...(configFile === undefined ? [] : ['-F', configFile]),
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', String(port)]),
  ];
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1_000);
}
