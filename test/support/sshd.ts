import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { find } from './programs.ts';

/**
 * A folder that sshd wants when root starts it; the system's own start makes it. It stays, empty as
 * it is: another sshd may need it by now.
 */
const privsepFolder = '/run/sshd';

/** A real sshd on a loopback port of its own, with keys and a configuration of its own. */
export class Sshd {
  readonly folder: string;
  readonly port: number;
  readonly user: string = userInfo().username;
  #child: ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
  }

  static async start(): Promise<Sshd> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    const sshd = new Sshd(folder, await freePort());
    for (const name of ['host', 'other-host', 'user', 'stranger']) makeKey(join(folder, name));
    await sshd.#configure();
    await sshd.listen();
    return sshd;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** The line that `known_hosts` needs, by default with the right key. */
  async knownHosts(key: 'host' | 'other-host' = 'host'): Promise<string> {
    const [type, blob] = (await readFile(this.path(`${key}.pub`), 'utf8')).split(' ');
    return `[127.0.0.1]:${this.port} ${type} ${blob}\n`;
  }

  /** Starts to listen; again after {@link leave}. */
  async listen(): Promise<void> {
    if (userInfo().uid === 0) mkdirSync(privsepFolder, { recursive: true, mode: 0o755 });
    const child = spawn(
      find('sshd') ?? 'sshd',
      ['-D', '-f', this.path('sshd_config'), '-E', this.path('log')],
      {
        stdio: 'ignore',
      },
    );
    this.#child = child;
    for (let tries = 0; !(await this.#isListening()); tries++) {
      if (tries > 500 || child.exitCode !== null) {
        throw new Error(`sshd does not listen: ${await readFile(this.path('log'), 'utf8')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Takes no new connections; those that it has live on. */
  async leave(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  }

  /** The processes that hold the connections. */
  sessions(): number[] {
    return childrenOf(this.#child?.pid ?? 0);
  }

  /** Kills them at once. */
  killSessions(): number {
    const pids = this.sessions();
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself since it was listed.
      }
    }
    return pids.length;
  }

  async stop(): Promise<void> {
    this.killSessions();
    await this.leave();
    await rm(this.folder, { recursive: true });
  }

  async #configure(): Promise<void> {
    const config = [
      `ListenAddress 127.0.0.1:${this.port}`,
      `HostKey ${this.path('host')}`,
      `AuthorizedKeysFile ${this.path('user.pub')}`,
      'PidFile none',
      'StrictModes no',
      'UsePAM no',
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'AllowStreamLocalForwarding yes',
      'MaxStartups 200',
      'PrintMotd no',
    ];
    await writeFile(this.path('sshd_config'), `${config.join('\n')}\n`);
  }

  /** Asks without a connection that sshd would wait for. */
  async #isListening(): Promise<boolean> {
    const socket = net.connect({ host: '127.0.0.1', port: this.port });
    const event = await Promise.race([
      once(socket, 'data').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    return event;
  }
}

function makeKey(file: string): void {
  const args = ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file];
  execFileSync(find('ssh-keygen') ?? 'ssh-keygen', args, { stdio: 'ignore' });
}

function childrenOf(pid: number): number[] {
  const listed = execFileSync('ps', ['-e', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  return listed
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid && pid !== 0)
    .map(([child]) => child as number);
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
