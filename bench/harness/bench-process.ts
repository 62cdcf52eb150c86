import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Answer, Order } from './orders.ts';

/**
 * Without them V8 throws compiled code away and collects garbage while a contender is idle, and
 * libraries with deep stacks are then several times slower for seconds.
 */
const nodeFlags = ['--no-flush-bytecode', '--no-memory-reducer'];

/** The cores that clients and servers are bound to; undefined where that cannot be done. */
export const cores: { readonly client: number; readonly server: number } | undefined = findCores();

function findCores(): { client: number; server: number } | undefined {
  if (availableParallelism() < 2) return undefined;
  const canBind = [0, 1].every(
    (core) => spawnSync('taskset', ['-c', `${core}`, 'true']).status === 0,
  );
  return canBind ? { client: 0, server: 1 } : undefined;
}

/** A child process that obeys orders; see `obey` in orders.ts. */
export class BenchProcess {
  readonly #child: ChildProcess;
  readonly #name: string;

  private constructor(child: ChildProcess, name: string) {
    this.#child = child;
    this.#name = name;
  }

  /** Starts a server or a client of the contender in the module `url`, with its first answer. */
  static async start(
    role: 'server' | 'client',
    url: string,
  ): Promise<{ process: BenchProcess; first: unknown }> {
    const script = fileURLToPath(new URL(`../${role}-process.js`, import.meta.url));
    const command = [process.execPath, ...nodeFlags, script, url];
    if (cores !== undefined) command.unshift('taskset', '-c', `${cores[role]}`);
    const [file = '', ...args] = command;
    const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const started = new BenchProcess(child, `${role} of ${url}`);
    return { process: started, first: await started.#answer() };
  }

  /** Sends one order and resolves with its answer. Not to be called before the last has come. */
  async ask(order: Order): Promise<unknown> {
    const answer = this.#answer();
    this.#child.send(order);
    return await answer;
  }

  /** Ends the process. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill();
    await exited;
  }

  async #answer(): Promise<unknown> {
    const cancel = new AbortController();
    const exited = once(this.#child, 'exit', { signal: cancel.signal }).then(() => {
      throw new Error(`The ${this.#name} ended by itself`);
    });
    try {
      const message = once(this.#child, 'message', { signal: cancel.signal });
      const [answer] = (await Promise.race([message, exited])) as [Answer];
      if ('error' in answer) throw new Error(`The ${this.#name} failed: ${answer.error}`);
      return answer.value;
    } finally {
      // The loser of the race gives up its listeners.
      cancel.abort();
    }
  }
}
