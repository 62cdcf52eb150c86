import { rmSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { BenchProcess } from '../harness/bench-process.ts';
import { type MediumName, opensshHost, type Place } from '../place.ts';
import { makeCertificate } from './certificate.ts';
import { blobOf, makeKeyPair } from './ssh-keys.ts';
import type { SshOrder } from './ssh-process.ts';
import { findProgram } from './sshd.ts';

const sshScript = new URL('./ssh-process.js', import.meta.url);

/** Everything that the media of one run need: a folder, keys, a certificate, an SSH server. */
export class Stage {
  /** The media that there are. */
  readonly places: readonly Place[];
  /** Of each medium that there is not: what is missing. */
  readonly missing: readonly string[];
  /** Who serves SSH, for the reader of the figures. */
  readonly sshServer: string | undefined;
  readonly #folder: string;
  readonly #ssh: BenchProcess<SshOrder> | undefined;
  readonly #remove: () => void;

  private constructor(
    folder: string,
    places: readonly Place[],
    missing: readonly string[],
    ssh: SshServer | undefined,
  ) {
    this.#folder = folder;
    this.places = places;
    this.missing = missing;
    this.#ssh = ssh?.process;
    this.sshServer = ssh?.name;
    this.#remove = () => rmSync(this.#folder, { recursive: true, force: true });
    process.once('exit', this.#remove);
  }

  static async set(wanted: readonly MediumName[]): Promise<Stage> {
    const sshd = findProgram('sshd');
    const missing: string[] = [];
    const isThere = (medium: MediumName): boolean => {
      if (medium !== 'openssh') return true;
      const absent = ['ssh', 'sshd'].filter((program) => findProgram(program) === undefined);
      if (absent.length === 0) return true;
      missing.push(`openssh is left out, because of missing programs: ${absent.join(', ')}`);
      return false;
    };
    const there = wanted.filter(isThere);
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
    let ssh: SshServer | undefined;
    try {
      if (there.some(usesSsh)) ssh = await startSsh(folder, sshd);
      const places = there.map((medium) => placeOf(medium, folder, ssh));
      return new Stage(folder, places, missing, ssh);
    } catch (error) {
      await ssh?.process.stop();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Ends and removes everything. */
  async strike(): Promise<void> {
    await this.#ssh?.stop();
    process.removeListener('exit', this.#remove);
    this.#remove();
  }
}

interface SshServer {
  readonly name: string;
  readonly process: BenchProcess<SshOrder>;
  readonly ssh: Place & { medium: 'ssh' };
  readonly openssh: Place & { medium: 'openssh' };
}

function usesSsh(medium: MediumName): boolean {
  return medium === 'ssh' || medium === 'openssh';
}

function placeOf(medium: MediumName, folder: string, server: SshServer | undefined): Place {
  switch (medium) {
    case 'tcp':
    case 'pipe':
      return { medium };
    case 'unix':
      return { medium, folder };
    case 'tls':
      return { medium, ...makeCertificate() };
    case 'ssh':
    case 'openssh':
      if (server === undefined) throw new Error('There is no SSH server');
      return server[medium];
  }
}

async function startSsh(folder: string, sshd: string | undefined): Promise<SshServer> {
  const host = makeKeyPair();
  const user = makeKeyPair();
  const write = (name: string, text: string): Promise<void> =>
    writeFile(join(folder, name), text, { mode: 0o600 });
  await write('host', host.privateKey);
  await write('user', user.privateKey);
  await write('user.pub', `${user.publicKey}\n`);
  const args = sshd === undefined ? [folder] : [folder, sshd];
  const started = await BenchProcess.start<SshOrder>('server', sshScript, ...args);
  try {
    const port = Number(await started.ask({ do: 'start' }));
    const { username } = userInfo();
    const knownHosts = `[127.0.0.1]:${port} ${host.publicKey}\n`;
    await write('known_hosts', knownHosts);
    const config = [
      `Host ${opensshHost}`,
      'HostName 127.0.0.1',
      `Port ${port}`,
      `User ${username}`,
      `IdentityFile ${join(folder, 'user')}`,
      'IdentitiesOnly yes',
      `UserKnownHostsFile ${join(folder, 'known_hosts')}`,
      'GlobalKnownHostsFile /dev/null',
      'StrictHostKeyChecking yes',
    ];
    await write('ssh_config', `${config.join('\n')}\n`);
    const door = { port, user: username, privateKey: user.privateKey, hostKey: blobOf(host) };
    return {
      name: sshd === undefined ? 'a server by ssh2, because sshd is missing' : 'sshd',
      process: started,
      ssh: { medium: 'ssh', knownHosts, ...door },
      openssh: { medium: 'openssh', configFile: join(folder, 'ssh_config') },
    };
  } catch (error) {
    await started.stop();
    throw error;
  }
}
