import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ServerOptions } from '../../lib/index.ts';
import { forkIn } from './remote-client.ts';

/** What the process is told; each is answered once. */
export type ServerQuestion =
  | { readonly kind: 'begun'; readonly names: readonly string[] }
  | { readonly kind: 'release' }
  | { readonly kind: 'executions' }
  | { readonly kind: 'lonely' };
/** And what it answers. */
export type FromServer = {
  readonly urls?: readonly string[];
  readonly counts?: Readonly<Record<string, number>>;
};

/** What the server is: options that can be written down. */
export type RemoteServerOptions = Omit<ServerOptions, 'listen' | 'authenticate' | 'clock'> & {
  readonly listen: readonly string[];
};

/** A server with held handlers in a process, and if wanted in a network namespace, of its own. */
export class RemoteServer {
  readonly urls: readonly string[];
  readonly #child: ChildProcess;
  /** Questions are answered one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(child: ChildProcess, urls: readonly string[]) {
    this.#child = child;
    this.urls = urls;
  }

  static async start(
    options: RemoteServerOptions,
    wrapper: readonly string[] = [],
  ): Promise<RemoteServer> {
    const main = fileURLToPath(new URL('./remote-server-main.ts', import.meta.url));
    const child = forkIn(wrapper, main, [JSON.stringify(options)]);
    const [{ urls = [] }] = (await once(child, 'message')) as [FromServer];
    return new RemoteServer(child, urls);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Resolves when all of these are being executed, or were. */
  async begun(names: readonly string[]): Promise<void> {
    await this.#ask({ kind: 'begun', names });
  }

  /** Lets the held handlers reply. */
  async release(): Promise<void> {
    await this.#ask({ kind: 'release' });
  }

  /** How often each input was executed. */
  async executions(): Promise<Readonly<Record<string, number>>> {
    return (await this.#ask({ kind: 'executions' })).counts ?? {};
  }

  /** Resolves when the server has no connection any more. */
  async lonely(): Promise<void> {
    await this.#ask({ kind: 'lonely' });
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }

  #ask(question: ServerQuestion): Promise<FromServer> {
    const answer = this.#last.then(async () => {
      this.#child.send(question);
      const [message] = (await once(this.#child, 'message')) as [FromServer];
      return message;
    });
    this.#last = answer;
    return answer;
  }
}
