import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { find } from './programs.ts';

/** A real HAProxy in TCP mode in front of a server, with short idle limits. */
export class Haproxy {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.url = `tcp://127.0.0.1:${port}`;
  }

  /** @param idleMs `timeout client` and `timeout server` */
  static async before(url: string, idleMs: number): Promise<Haproxy> {
    const port = await freePort();
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    const file = join(folder, 'haproxy.cfg');
    await writeFile(
      file,
      `global
  hard-stop-after 300ms
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
    const child = spawn(find('haproxy') ?? 'haproxy', ['-W', '-db', '-f', file], {
      stdio: 'ignore',
    });
    const haproxy = new Haproxy(child, folder, port);
    await listening(port);
    return haproxy;
  }

  /** A new worker takes over; the old one is stopped hard when its connections do not end. */
  reload(): void {
    this.#child.kill('SIGUSR2');
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exited;
    await rm(this.#folder, { recursive: true });
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
