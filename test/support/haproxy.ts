import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { allEnded, listProcesses, signal } from './listed-processes.ts';
import { find } from './programs.ts';

/** How it is configured. */
export interface HaproxyOptions {
  /** `timeout client` and `timeout server` */
  readonly idleMs: number;
  /** After a reload the old process is stopped hard after so long. Default: when it has finished. */
  readonly hardStopMs?: number;
}

/** A real HAProxy in TCP mode in front of a server, with short idle limits. */
export class Haproxy {
  readonly url: string;
  readonly #folder: string;
  readonly #port: number;
  #child: ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
    this.url = `tcp://127.0.0.1:${port}`;
  }

  static async before(url: string, { idleMs, hardStopMs }: HaproxyOptions): Promise<Haproxy> {
    const port = await freePort();
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    await writeFile(
      join(folder, 'haproxy.cfg'),
      `global
  ${hardStopMs === undefined ? '' : `hard-stop-after ${hardStopMs}ms`}
defaults
  mode tcp
  timeout connect 2s
  timeout client ${idleMs}ms
  timeout server ${idleMs}ms
listen test
  bind 127.0.0.1:${port}
  server one ${new URL(url).host}
`,
    );
    const haproxy = new Haproxy(folder, port);
    await haproxy.start();
    return haproxy;
  }

  /** Starts to listen; again after {@link kill}. */
  async start(): Promise<void> {
    const args = ['-W', '-db', '-f', join(this.#folder, 'haproxy.cfg')];
    this.#child = spawn(find('haproxy') ?? 'haproxy', args, { stdio: 'ignore' });
    await listening(this.#port);
  }

  /** A new process takes over; the old one finishes what it has. */
  reload(): void {
    this.#child?.kill('SIGUSR2');
  }

  /** The processes that hold connections: after a reload the old ones too, until they are done. */
  workers(): number[] {
    return listProcesses()
      .filter(({ parent }) => parent === this.#child?.pid)
      .map(({ pid }) => pid);
  }

  /** Everything of it is killed at once. */
  async kill(): Promise<void> {
    for (const pid of this.workers()) signal(pid, 'SIGKILL');
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
    await allEnded(this.#folder, 5_000);
    await rm(this.#folder, { recursive: true });
  }

  async #end(name: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(name);
    await exited;
  }
}

/** Resolves when somebody listens on the port. */
async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const socket = net.connect({ host: '127.0.0.1', port });
    const event = await Promise.race([
      once(socket, 'connect').then(() => 'connect'),
      once(socket, 'close').then(() => 'close'),
    ]).catch(() => 'error');
    socket.destroy();
    if (event === 'connect') return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`Nobody listens on port ${port}`);
}
