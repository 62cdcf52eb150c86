import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Answer, Close } from './orders.ts';
import { programCommand, type Side } from './program.ts';

/** One that does not close in order within this time is killed. */
const closeTimeoutMs = 3_000;

/** A child process that obeys orders; see `obey` in orders.ts. */
export class BenchProcess<Order extends { readonly do: string }> {
  readonly #child: ChildProcess;
  readonly #name: string;

  private constructor(child: ChildProcess, name: string) {
    this.#child = child;
    this.#name = name;
  }

  /** Starts a script on the core of one side; resolves once it is up. */
  static async start<Order extends { readonly do: string }>(
    side: Side,
    script: URL,
    ...given: readonly string[]
  ): Promise<BenchProcess<Order>> {
    const command = programCommand(script, side, given);
    return await BenchProcess.#run<Order>(command, `${side} of ${given[0] ?? script.href}`);
  }

  /** Starts a script by another command, which becomes it in the end; bound to no core. */
  static startBehind<Order extends { readonly do: string }>(
    wrapper: readonly string[],
    script: URL,
  ): Promise<BenchProcess<Order>> {
    const path = fileURLToPath(script);
    return BenchProcess.#run<Order>([...wrapper, process.execPath, path], path);
  }

  static async #run<Order extends { readonly do: string }>(
    [file = '', ...args]: readonly string[],
    name: string,
  ): Promise<BenchProcess<Order>> {
    const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const started = new BenchProcess<Order>(child, name);
    try {
      await started.#answer();
      return started;
    } catch (error) {
      child.kill();
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Ends the process at once. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Sends one order and resolves with its answer. Not to be called before the last has come. */
  async ask(order: Order | Close): Promise<unknown> {
    const answer = this.#answer();
    this.#child.send(order);
    return await answer;
  }

  /** Ends the process, and before that, in order, what it has opened. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), closeTimeoutMs);
    try {
      await this.ask({ do: 'close' });
    } catch (error) {
      console.error(error);
    }
    this.#child.kill();
    await exited;
    clearTimeout(timer);
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
