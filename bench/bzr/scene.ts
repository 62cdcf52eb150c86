import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { connect } from 'holdfast';
import { bzr, bzrVerbs } from 'holdfast/bzr';

const run = promisify(execFile);

const repositoryFormat = 'Bazaar repository format 2a (needs bzr 1.16 or later)\n';

/** A folder with a branch `trunk` of two revisions, a file `big`, and real servers of it. */
export class Scene {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  /** What `get` of the file `big` gives. */
  readonly big: Buffer = Buffer.alloc(2 * 1024 * 1024, 'some bytes');
  /** The revisions of the trunk as a stream, for repositories that do not have them. */
  revisions: readonly string[] = [];
  readonly #servers: BrzServer[] = [];

  private constructor(folder: string) {
    this.folder = folder;
    const email = 'Bench <bench@example.com>';
    this.env = { ...process.env, BRZ_HOME: folder, BRZ_LOG: '/dev/null', BRZ_EMAIL: email };
  }

  static async create(): Promise<Scene> {
    const scene = new Scene(await mkdtemp(join(tmpdir(), 'holdfast-bench-')));
    await mkdir(scene.path('home'));
    await writeFile(scene.path('big'), scene.big);
    await scene.#brz('init', '-q', 'trunk');
    for (const message of ['The first', 'The second']) {
      await writeFile(scene.path('trunk/file'), message);
      await scene.#brz('add', '-q', 'trunk');
      await scene.#brz('commit', '-q', '-m', message, 'trunk');
    }
    const server = await scene.serve();
    scene.revisions = await revisionsOf(server.port, scene.lastRevision());
    return scene;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Starts one more server of the folder. */
  async serve(): Promise<BrzServer> {
    const server = await BrzServer.start(this.folder, this.env);
    this.#servers.push(server);
    return server;
  }

  /** The newest server that runs, or a new one. */
  async server(): Promise<BrzServer> {
    return this.#servers.findLast(({ isRunning }) => isRunning) ?? (await this.serve());
  }

  /** Makes a repository that has no revisions. */
  async makeRepository(name: string): Promise<void> {
    await this.#brz('init-shared-repository', '-q', '--format=2a', name);
  }

  /** How often a stream of revisions was put into a repository. */
  insertions(repository: string): number {
    return readdirSync(this.path(`${repository}/.bzr/repository/packs`)).length;
  }

  /** The bytes of a file; 0 if it is not there. */
  size(name: string): number {
    try {
      return readFileSync(this.path(name)).length;
    } catch {
      return 0;
    }
  }

  /** What the trunk's last revision is, as the server has it in a file. */
  lastRevision(): string {
    const [, id = ''] = readFileSync(this.path('trunk/.bzr/branch/last-revision'), 'utf8')
      .trim()
      .split(' ');
    return id;
  }

  async remove(): Promise<void> {
    for (const server of this.#servers) await server.kill();
    await rm(this.folder, { recursive: true, maxRetries: 10 });
  }

  async #brz(...args: readonly string[]): Promise<void> {
    await run('brz', args, { cwd: this.folder, env: this.env });
  }
}

/** One real `brz serve`. */
export class BrzServer {
  readonly port: number;
  readonly #child: ChildProcessByStdio<null, null, Readable>;

  private constructor(child: ChildProcessByStdio<null, null, Readable>, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(folder: string, env: NodeJS.ProcessEnv): Promise<BrzServer> {
    const place = ['--listen=127.0.0.1', '--port=0', `--directory=${folder}`];
    const child = spawn('brz', ['serve', ...place, '--allow-writes'], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    for await (const chunk of child.stderr.iterator({ destroyOnReturn: false })) {
      said += String(chunk);
      const [, port] = /^listening on port: (\d+)$/m.exec(said) ?? [];
      if (port === undefined) continue;
      // Nobody reads what it says from here on; it must not wait for that.
      child.stderr.resume();
      return new BrzServer(child, Number(port));
    }
    throw new Error(`brz serve said: ${said}`);
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && !this.#child.killed;
  }

  /** Asks it to end in order. It takes up to a second, and longer while clients are connected. */
  hangUp(): void {
    this.#child.kill('SIGHUP');
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }
}

async function revisionsOf(port: number, revision: string): Promise<string[]> {
  const client = connect(`tcp://127.0.0.1:${port}`, bzrVerbs, { protocol: bzr() });
  try {
    const { chunks } = await client.call['Repository.get_stream_1.19']({
      args: ['trunk/', repositoryFormat],
      body: `ancestry-of\n${revision}`,
    });
    return chunks.map((chunk) => chunk.toString('hex'));
  } finally {
    await client.close();
  }
}
