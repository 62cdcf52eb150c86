import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { HandOverOptions, ServerOptions } from '../../lib/index.ts';
import { Lines } from './lines.ts';
import { ended, isRunning } from './processes.ts';

/** Where the server keeps its records of `once` calls. */
export type ScenePlace =
  | {
      readonly kind: 'lmdb';
      readonly path: string;
      readonly leaseMs: number;
      readonly isTransactional?: boolean;
    }
  | { readonly kind: 'redis'; readonly url: string; readonly leaseMs: number };

/** The table in which servers with transactions note what they have done. */
export const entriesTable: string = 'entries';

/** What a server of a scene is told, as JSON in its only argument. */
export interface SceneTask {
  readonly listen: readonly string[];
  /** Where it notes what it executes. */
  readonly journal: string;
  /** Where it finds its {@link SceneOrder}. */
  readonly order: string;
  readonly store?: ScenePlace;
  /** False for one that looks for no sockets of a predecessor. */
  readonly inherits?: boolean;
  readonly options?: Omit<ServerOptions, 'listen' | 'authenticate' | 'clock' | 'completions'>;
}

/** How it shall hand over. */
export interface SceneOrder extends HandOverOptions {
  /** Default: the program itself. */
  readonly command?: readonly string[];
}

/** What it says. */
export type SceneReport =
  | { readonly kind: 'started'; readonly pid: number }
  | { readonly kind: 'serving'; readonly pid: number; readonly urls: readonly string[] }
  | { readonly kind: 'handed-over'; readonly pid: number; readonly cut: readonly string[] }
  | {
      readonly kind: 'kept';
      readonly pid: number;
      readonly code: string;
      readonly message: string;
    }
  | { readonly kind: 'failed'; readonly pid: number; readonly message: string };

/**
 * A server in a process, and those that take over from it: all of them say what they do to this
 * process, and all of them are ended with it.
 */
export class SceneServer {
  readonly pids: Set<number> = new Set();
  /** Where the first one listens. */
  urls: readonly string[] = [];
  readonly #child: ChildProcess;
  readonly #lines: Lines;
  readonly #order: string;
  /** The one that serves. */
  #pid = 0;

  private constructor(child: ChildProcess, order: string) {
    this.#child = child;
    this.#lines = Lines.ofStream(child.stdout as NonNullable<ChildProcess['stdout']>);
    this.#order = order;
  }

  /** @param program compiled, for it is started often */
  static async start(program: string, task: SceneTask): Promise<SceneServer> {
    const child = spawn(process.execPath, [program, JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const server = new SceneServer(child, task.order);
    await server.serving();
    return server;
  }

  get pid(): number {
    return this.#pid;
  }

  /** The next thing that one of them says; undefined when all have ended. */
  async next(): Promise<SceneReport | undefined> {
    const line = await this.#lines.next();
    if (line === '') return undefined;
    const report = JSON.parse(line) as SceneReport;
    this.pids.add(report.pid);
    if (report.kind !== 'serving') return report;
    this.#pid = report.pid;
    if (this.urls.length === 0) this.urls = report.urls;
    return report;
  }

  /** Resolves when the next one serves. */
  async serving(): Promise<void> {
    for (;;) {
      const report = await this.next();
      if (report === undefined) throw new Error('The server ended before it served');
      if (report.kind === 'serving') return;
    }
  }

  /** Tells the one that serves to hand over; how that goes is among what {@link next} gives. */
  handOver(order: SceneOrder): void {
    writeFileSync(this.#order, JSON.stringify(order));
    process.kill(this.#pid, 'SIGUSR2');
  }

  /** Hands over, and resolves when the old one has ended by itself: with the verbs that it cut off. */
  async restart(order: SceneOrder): Promise<readonly string[]> {
    const old = this.#pid;
    this.handOver(order);
    for (;;) {
      const report = await this.next();
      if (report === undefined) throw new Error('Nobody serves any more');
      if (report.kind === 'kept') throw new Error(`The old server goes on: ${report.message}`);
      if (report.kind !== 'handed-over') continue;
      await ended(old);
      return report.cut;
    }
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.#pid, signal);
  }

  /** Kills all of them, and resolves when they have ended. */
  async kill(): Promise<void> {
    for (const pid of this.pids) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
    // One that has not said a word yet is killed when it does.
    for (let report = await this.next(); report !== undefined; report = await this.next()) {
      if (isRunning(report.pid)) process.kill(report.pid, 'SIGKILL');
    }
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) await once(this.#child, 'exit');
    await Promise.all([...this.pids].map((pid) => ended(pid)));
  }
}
