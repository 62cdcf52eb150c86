import { writeFile } from 'node:fs/promises';
import type { Medium } from '../../lib/index.ts';
import { openssh } from '../../lib/media/openssh.ts';
import { type SshTarget, ssh } from '../../lib/media/ssh.ts';
import { listProcesses } from './listed-processes.ts';
import type { Sshd } from './sshd.ts';

/** How a server is reached through an sshd. */
export const sshMedia = ['ssh', 'ssh+unix', 'ssh+tcp', 'openssh'] as const;
export type SshMedium = (typeof sshMedia)[number];

/** What lies behind the sshd, and what a scene may change. */
export interface Place {
  /** Run at the far end, by `ssh` and `openssh`. */
  readonly command?: string;
  /** Forwarded to by `ssh+unix`. */
  readonly socket?: string;
  /** Forwarded to by `ssh+tcp`. */
  readonly port?: number;
  readonly key?: 'user' | 'stranger';
  /** What is in the file of known hosts. Default: the right key. */
  readonly knownHosts?: string;
  readonly keepaliveMs?: number;
  /** More lines of the configuration of the system's ssh. */
  readonly config?: string;
}

/** Reaches what lies behind an sshd. */
export async function sshMedium(sshd: Sshd, name: SshMedium, place: Place): Promise<Medium> {
  const { key = 'user', command = 'false', keepaliveMs, socket = '', port = 0 } = place;
  const file = await writeKnownHosts(sshd, place);
  const keepalive = keepaliveMs === undefined ? {} : { keepaliveMs, keepaliveCount: 1 };
  const common = { host: sshd.host, port: sshd.port, user: sshd.user, ...keepalive };
  if (name === 'openssh') {
    return openssh({ ...common, command, configFile: await writeSshConfig(sshd, place) });
  }
  const targets: Readonly<Record<string, SshTarget>> = {
    'ssh+unix': { path: socket },
    'ssh+tcp': { host: '127.0.0.1', port },
  };
  const forwardTo = targets[name];
  const options = { ...common, privateKeyFile: sshd.path(key), knownHostsFiles: file };
  return ssh(forwardTo === undefined ? { ...options, command } : { ...options, forwardTo });
}

/** The same as a URL, for a client in another process. */
export async function sshUrl(sshd: Sshd, name: SshMedium, place: Place): Promise<string> {
  const { key = 'user', command = 'false', socket = '', port = 0 } = place;
  const file = await writeKnownHosts(sshd, place);
  const authority = `${sshd.user}@${sshd.host}:${sshd.port}`;
  const run = `/?command=${encodeURIComponent(command)}`;
  if (name === 'openssh') {
    return `openssh://${authority}${run}&configFile=${await writeSshConfig(sshd, place)}`;
  }
  const rest = { ssh: `${run}&`, 'ssh+unix': `${socket}?`, 'ssh+tcp': `/127.0.0.1:${port}?` };
  const parameters = `privateKeyFile=${sshd.path(key)}&knownHostsFiles=${file}`;
  return `${name}://${authority}${rest[name]}${parameters}`;
}

/** The processes of the system's ssh that reach this sshd, told by their configuration file. */
export function localSshs(sshd: Sshd): number[] {
  return listProcesses()
    .filter(({ command }) => command.includes(`-F ${sshd.path('ssh_config')}`))
    .filter(({ command }) => !/ -[MG] /.test(command))
    .map(({ pid }) => pid);
}

async function writeKnownHosts(sshd: Sshd, { knownHosts }: Place): Promise<string> {
  const file = sshd.path('known_hosts');
  await writeFile(file, knownHosts ?? (await sshd.knownHosts()));
  return file;
}

async function writeSshConfig(sshd: Sshd, { config = '', key = 'user' }: Place): Promise<string> {
  const file = sshd.path('ssh_config');
  await writeFile(
    file,
    `${config}
Host *
  IdentityFile ${sshd.path(key)}
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile ${sshd.path('known_hosts')}
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
`,
  );
  return file;
}
