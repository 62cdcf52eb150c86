import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ServerNews } from './server.ts';

/** How a server process ended that was asked to drain. */
export interface DrainedServer {
  readonly exitCode: number | null;
  /** Calls that the drain cut off; undefined when it did not say. */
  readonly cut: number | undefined;
}

/** A file store in a process of its own. */
export class ServerProcess {
  readonly port: number;
  readonly #child: ChildProcess;
  #cut: number | undefined;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.port = Number(new URL(url).port);
    child.on('message', (news: ServerNews) => {
      if ('cut' in news) this.#cut = news.cut;
    });
  }

  /** Starts a server that keeps its files in `root`; resolves when it listens. */
  static async start(root: string): Promise<ServerProcess> {
    const script = fileURLToPath(new URL('./server.js', import.meta.url));
    const child = fork(script, [root], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const stop = new AbortController();
    try {
      const ended = once(child, 'exit', { signal: stop.signal }).then(([code]) => {
        throw new Error(`The server ended with code ${code} before it listened`);
      });
      const message = once(child, 'message', { signal: stop.signal });
      const [news] = (await Promise.race([message, ended])) as [ServerNews];
      if (!('url' in news)) throw new Error('The server did not say where it listens');
      return new ServerProcess(child, news.url);
    } finally {
      stop.abort();
    }
  }

  /** Ends it the hard way: no handler, no buffer, no goodbye. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Asks it to drain, and waits for the end of the process. */
  async drain(): Promise<DrainedServer> {
    await this.#end('SIGTERM');
    return { exitCode: this.#child.exitCode, cut: this.#cut };
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exited;
  }
}
