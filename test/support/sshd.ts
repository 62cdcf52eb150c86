import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { allEnded, listProcesses, signal } from './listed-processes.ts';
import { find } from './programs.ts';

/**
 * A folder that sshd wants when root starts it; the system's own start makes it. It stays, empty as
 * it is: another sshd may need it by now.
 */
const privsepFolder = '/run/sshd';

/** Where an sshd runs. */
export interface SshdPlace {
  /** What runs it, e.g. `['ip', 'netns', 'exec', 'name']`. */
  readonly wrapper?: readonly string[];
  /** The address that it listens on. Default: the loopback. */
  readonly host?: string;
}

/** A real sshd on a port of its own, with keys and a configuration of its own. */
export class Sshd {
  readonly folder: string;
  readonly host: string;
  readonly port: number;
  readonly user: string = userInfo().username;
  readonly #wrapper: readonly string[];
  #child: ChildProcess | undefined;
  #starts = 0;

  private constructor(folder: string, port: number, { wrapper = [], host }: SshdPlace) {
    this.folder = folder;
    this.host = host ?? '127.0.0.1';
    this.port = port;
    this.#wrapper = wrapper;
  }

  static async start(place: SshdPlace = {}): Promise<Sshd> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    const sshd = new Sshd(folder, await freePort(), place);
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
    return `[${this.host}]:${this.port} ${type} ${blob}\n`;
  }

  /** Starts to listen; again after {@link leave}. */
  async listen(): Promise<void> {
    if (userInfo().uid === 0) mkdirSync(privsepFolder, { recursive: true, mode: 0o755 });
    // It starts itself anew for each connection, so it wants its whole path.
    const sshd = [find('sshd') ?? 'sshd', '-D', '-f', this.path('sshd_config')];
    const [program, ...args] = [...this.#wrapper, ...sshd, '-E', this.path('log')];
    const child = spawn(program as string, args, { stdio: 'ignore' });
    this.#child = child;
    this.#starts++;
    for (let tries = 0; !(await this.#isListening()); tries++) {
      if (tries > 1_000 || child.exitCode !== null) {
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
    const { pid } = this.#child ?? {};
    if (pid === undefined) return [];
    return listProcesses().flatMap((one) => (one.parent === pid ? [one.pid] : []));
  }

  /** Kills them at once. */
  killSessions(): number {
    const pids = this.sessions();
    for (const pid of pids) signal(pid, 'SIGKILL');
    return pids.length;
  }

  /** They do nothing any more, and nobody is told. */
  stopSessions(): void {
    for (const pid of this.sessions()) signal(pid, 'SIGSTOP');
  }

  /** Ends everything; what runs behind it must end by itself then. */
  async stop(): Promise<void> {
    this.killSessions();
    await this.leave();
    // Also a session that was only being made when they were listed, and local clients.
    await allEnded(this.folder, 5_000);
    await rm(this.folder, { recursive: true, maxRetries: 10 });
  }

  async #configure(): Promise<void> {
    const config = [
      `ListenAddress ${this.host}:${this.port}`,
      `HostKey ${this.path('host')}`,
      `AuthorizedKeysFile ${this.path('user.pub')}`,
      'PidFile none',
      'StrictModes no',
      'UsePAM no',
      'UseDNS no',
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'AllowStreamLocalForwarding yes',
      'MaxStartups 200',
      'PrintMotd no',
    ];
    await writeFile(this.path('sshd_config'), `${config.join('\n')}\n`);
  }

  /** Its own word, for it may be where nobody can connect to from here. */
  async #isListening(): Promise<boolean> {
    const log = await readFile(this.path('log'), 'utf8').catch(() => '');
    return log.split('Server listening on').length > this.#starts;
  }
}

function makeKey(file: string): void {
  const args = ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file];
  execFileSync(find('ssh-keygen') ?? 'ssh-keygen', args, { stdio: 'ignore' });
}
