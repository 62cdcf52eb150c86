import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from './free-port.ts';
import { find } from './programs.ts';

/** As the documents ask for it. */
const durable = ['--appendonly', 'yes', '--appendfsync', 'always'];

/** A real Redis, which can be killed, stopped and started again. */
export class RedisServer {
  readonly port: number;
  readonly url: string;
  #folder = '';
  #child: ChildProcess | undefined;

  private constructor(port: number) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
  }

  /** @param settings as on its command line */
  static async start(settings: readonly string[] = durable): Promise<RedisServer> {
    const server = new RedisServer(await freePort());
    server.forget();
    await server.start(settings);
    return server;
  }

  /** After {@link kill}; it has what is in its folder. */
  async start(settings: readonly string[] = durable): Promise<void> {
    const place = ['--bind', '127.0.0.1', '--port', String(this.port), '--dir', this.#folder];
    const child = spawn(
      find('redis-server') ?? 'redis-server',
      [...place, '--save', '', ...settings],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    this.#child = child;
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.includes('Ready to accept connections')) break;
    }
    child.stdout.resume();
    if (child.exitCode !== null) throw new Error('redis-server ended at once');
  }

  /** Its folder is empty from now on. */
  forget(): void {
    this.#removeFolder();
    this.#folder = mkdtempSync(join(tmpdir(), 'holdfast-redis-'));
  }

  /** Says nothing, and closes nothing. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  continue(): void {
    this.#child?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async stop(): Promise<void> {
    await this.kill();
    this.#removeFolder();
  }

  #removeFolder(): void {
    if (this.#folder !== '') rmSync(this.#folder, { recursive: true, force: true });
  }
}
