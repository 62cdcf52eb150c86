import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from './free-port.ts';
import { find } from './programs.ts';

/** A real socat as a TCP relay, with a process for each connection. */
export class Socat {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.url = `tcp://127.0.0.1:${port}`;
  }

  /**
   * When one side has ended, the other direction goes on for half a minute.
   *
   * @param port of the server
   */
  static async before(port: number): Promise<Socat> {
    const own = await freePort();
    const listen = `TCP-LISTEN:${own},bind=127.0.0.1,reuseaddr,fork,nodelay`;
    const args = ['-d', '-d', '-t', '30', listen, `TCP:127.0.0.1:${port},nodelay`];
    // A group of its own, so that the processes of its connections are stopped with it.
    const child = spawn(find('socat') ?? 'socat', args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    let said = '';
    for await (const chunk of child.stderr.iterator({ destroyOnReturn: false })) {
      said += String(chunk);
      if (said.includes('listening on')) break;
    }
    if (!said.includes('listening on')) throw new Error(`socat does not listen: ${said}`);
    child.stderr.resume();
    return new Socat(child, own);
  }

  /** It reads and writes nothing more, on every connection, and nobody is told. */
  pause(): void {
    this.#signal('SIGSTOP');
  }

  resume(): void {
    this.#signal('SIGCONT');
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#signal('SIGKILL');
    await exited;
  }

  #signal(name: NodeJS.Signals): void {
    process.kill(-(this.#child.pid as number), name);
  }
}
