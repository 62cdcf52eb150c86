import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { Lines } from './lines.ts';
import { find } from './programs.ts';
import { quoted } from './shell.ts';

const run = promisify(execFile);

/** Which ports a server of Bazaar listens on, and for how long. */
export interface BrzServing {
  readonly port?: number;
  /** It ends connections that are idle for so long, in seconds. */
  readonly clientTimeout?: number;
}

/** A folder with a branch `trunk` of two revisions and a tag, and real servers of it. */
export class BrzScene {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  #server: ChildProcessByStdio<null, null, Readable> | undefined;
  #port = 0;

  private constructor(folder: string) {
    this.folder = folder;
    const home = join(folder, 'home');
    this.env = { ...process.env, BRZ_HOME: home, BRZ_EMAIL: 'Test <test@example.com>' };
  }

  static async create(): Promise<BrzScene> {
    const scene = new BrzScene(await mkdtemp(join(tmpdir(), 'holdfast-')));
    const file = scene.path('trunk/file');
    await mkdir(scene.path('home'));
    await scene.brz('init', '-q', 'trunk');
    await writeFile(file, 'one\n');
    await scene.brz('add', '-q', 'trunk');
    await scene.brz('commit', '-q', '-m', 'The first', 'trunk');
    await writeFile(file, 'two\n');
    await scene.brz('commit', '-q', '-m', 'The second', 'trunk');
    await scene.brz('tag', '-q', '-d', 'trunk', 'v1');
    return scene;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Where the server listens. */
  get url(): string {
    return `tcp://127.0.0.1:${this.#port}`;
  }

  /** Serves on stdin and stdout. */
  get inet(): readonly [command: string, ...args: string[]] {
    const directory = `--directory=${this.folder}`;
    return [find('brz') ?? 'brz', 'serve', '--inet', directory, '--allow-writes'];
  }

  /** The same for a shell that does not have our environment. */
  get inetLine(): string {
    return `BRZ_HOME=${quoted(this.path('home'))} ${this.inet.map(quoted).join(' ')}`;
  }

  /** Runs `brz` here, and gives what it prints. */
  async brz(...args: readonly string[]): Promise<string> {
    const { stdout } = await run('brz', args, { cwd: this.folder, env: this.env });
    return stdout;
  }

  /** The id of a revision of the trunk. */
  async revisionId(number: number): Promise<string> {
    const shown = await this.brz('revision-info', '-d', 'trunk', `-r${number}`);
    return shown.trim().split(' ')[1] as string;
  }

  /** What is in a file; undefined when it is not there. */
  async content(name: string): Promise<string | undefined> {
    return await readFile(this.path(name), 'utf8').catch(() => undefined);
  }

  /** Starts a server; again after {@link stop}, at the same port. */
  async serve({ port = this.#port, clientTimeout }: BrzServing = {}): Promise<void> {
    const timeout = clientTimeout === undefined ? [] : [`--client-timeout=${clientTimeout}`];
    const place = ['--listen=127.0.0.1', `--port=${port}`, `--directory=${this.folder}`];
    const args = ['serve', ...place, '--allow-writes', ...timeout];
    const server = spawn('brz', args, { env: this.env, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#server = server;
    const line = await Lines.ofStream(server.stderr).next();
    const [, number] = /^listening on port: (\d+)$/.exec(line) ?? [];
    if (number === undefined) throw new Error(`brz serve said: ${line}`);
    this.#port = Number(number);
  }

  /** Ends the server; `SIGHUP` lets it finish what it does. */
  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const closed = once(server, 'close');
    server.kill(signal);
    await closed;
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, maxRetries: 10 });
  }
}

/** Runs a program in Python where Breezy's library can be imported, and gives what it prints. */
export async function breezy(program: string): Promise<string> {
  // The first one on the path may be another than the one that Breezy was installed for.
  for (const python of ['python3', '/usr/bin/python3']) {
    const isThere = await run(python, ['-c', 'import breezy']).then(
      () => true,
      () => false,
    );
    if (isThere) return (await run(python, ['-c', program])).stdout;
  }
  throw new Error('No python3 has Breezy; install it with: apt-get install brz');
}
