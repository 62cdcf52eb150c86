import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { freePort } from './free-port.ts';
import { allEnded, listProcesses, signal } from './listed-processes.ts';
import { find } from './programs.ts';

type HaproxyChild = ChildProcessByStdio<null, null, Readable>;

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
  #child: HaproxyChild | undefined;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
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
    const args = ['-W', '-db', '-S', this.#control, '-f', join(this.#folder, 'haproxy.cfg')];
    const child = spawn(find('haproxy') ?? 'haproxy', args, {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    await loaded(child);
    await this.#ready();
  }

  /** A new process takes over; the old one finishes what it has. */
  async reload(): Promise<void> {
    const child = this.#child;
    if (child === undefined) throw new Error('It does not run');
    const again = loaded(child);
    child.kill('SIGUSR2');
    await again;
    await this.#ready();
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

  get #control(): string {
    return join(this.#folder, 'control');
  }

  /** Resolves when it answers questions: a signal that comes earlier is lost. */
  async #ready(): Promise<void> {
    for (let tries = 0; tries < 1_000; tries++) {
      if (await this.#answers()) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error('HAProxy does not answer');
  }

  async #answers(): Promise<boolean> {
    const socket = net.connect({ path: this.#control });
    socket.write('show proc\n');
    const hasAnswered = await Promise.race([
      once(socket, 'data').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    return hasAnswered;
  }

  async #end(name: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(name);
    await exited;
  }
}

/** Resolves when it says that it, or its successor, runs. */
function loaded(child: HaproxyChild): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const onData = (chunk: Buffer): void => {
      said += String(chunk);
      if (said.includes('Loading success')) settle();
    };
    const onExit = (): void => settle(new Error(`HAProxy ended: ${said}`));
    const settle = (error?: Error): void => {
      child.stderr.off('data', onData);
      child.off('exit', onExit);
      // What it says later must not fill the pipe.
      child.stderr.resume();
      if (error === undefined) resolve();
      else reject(error);
    };
    child.stderr.on('data', onData);
    child.on('exit', onExit);
  });
}
