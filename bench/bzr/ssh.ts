import { execFileSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { findProgram, startSshd } from '../media/sshd.ts';
import type { Place } from './contender.ts';
import type { Scene } from './scene.ts';

/** An sshd behind which `brz serve --inet` runs. */
export class SshHouse {
  readonly port: number;
  readonly #folder: string;
  readonly #scene: Scene;
  readonly #end: () => Promise<void>;

  private constructor(folder: string, scene: Scene, port: number, end: () => Promise<void>) {
    this.#folder = folder;
    this.#scene = scene;
    this.port = port;
    this.#end = end;
  }

  static async build(scene: Scene): Promise<SshHouse> {
    const folder = scene.path('ssh');
    await mkdir(folder);
    const keygen = needed('ssh-keygen');
    for (const name of ['host', 'user']) {
      execFileSync(keygen, ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', join(folder, name)]);
    }
    const { port, close } = await startSshd(needed('sshd'), folder);
    return new SshHouse(folder, scene, port, close);
  }

  /** How it is reached through a port in front of it. */
  async place(port: number): Promise<Place> {
    const configFile = this.#config(port);
    await writeFile(
      configFile,
      [
        `IdentityFile ${join(this.#folder, 'user')}`,
        'IdentitiesOnly yes',
        `UserKnownHostsFile ${join(this.#folder, `known-${port}`)}`,
        'StrictHostKeyChecking no',
        'LogLevel ERROR',
      ].join('\n'),
    );
    const program = join(this.#folder, `ssh-${port}`);
    await writeFile(program, `#!/bin/sh\nexec ${needed('ssh')} -F ${configFile} "$@"\n`);
    await chmod(program, 0o700);
    const brz = `BRZ_HOME=${this.#scene.folder} BRZ_LOG=/dev/null ${needed('brz')}`;
    const { username: user } = userInfo();
    return { host: '127.0.0.1', port, user, program, configFile, brz };
  }

  /** Kills the ssh client that came through a port, and waits until nothing is left of it. */
  async killClient(port: number): Promise<void> {
    const own = (): Listed[] =>
      listed().filter(({ command }) => command.includes(`-F ${this.#config(port)} `));
    for (const { pid } of own()) process.kill(pid, 'SIGKILL');
    // One whose parent has not noticed is still listed, with nothing in it.
    while (own().some(({ state }) => !state.startsWith('Z'))) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async close(): Promise<void> {
    await this.#end();
  }

  #config(port: number): string {
    return join(this.#folder, `config-${port}`);
  }
}

interface Listed {
  readonly pid: number;
  readonly state: string;
  readonly command: string;
}

function listed(): Listed[] {
  const lines = execFileSync('ps', ['-ww', '-eo', 'pid=,stat=,args=']).toString().split('\n');
  return lines.map((line) => {
    const [, pid, state = '', command = ''] = /^ *(\d+) +(\S+) +(.*)$/.exec(line) ?? [];
    return { pid: Number(pid), state, command };
  });
}

function needed(program: string): string {
  const found = findProgram(program);
  if (found === undefined) throw new Error(`This needs the program ${program}`);
  return found;
}
