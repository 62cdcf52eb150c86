import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ClientOptions, Outcome, ReplaySetting, Safety } from '../../lib/index.ts';

/** What a client in another process is told, and what it answers. */
export interface ClientOrder {
  readonly id: number;
  readonly safety: Safety;
  readonly name: string;
  readonly options?: { readonly replay?: ReplaySetting };
}
export interface ClientReport {
  readonly id: number;
  /** How long the call took. */
  readonly ms: number;
  readonly value?: unknown;
  readonly failure?: { readonly code: string; readonly outcome: Outcome; readonly message: string };
}

/** A client in a process, and if wanted in a network namespace, of its own. */
export class RemoteClient {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (report: ClientReport) => void>();
  #calls = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (report: ClientReport) => this.#waiting.get(report.id)?.(report));
  }

  /** @param wrapper what runs Node, e.g. `['ip', 'netns', 'exec', 'name']` */
  static async start(
    url: string,
    options: ClientOptions,
    wrapper: readonly string[] = [],
  ): Promise<RemoteClient> {
    const main = fileURLToPath(new URL('./remote-client-main.ts', import.meta.url));
    const child = forkIn(wrapper, main, [url, JSON.stringify(options)]);
    await once(child, 'message');
    return new RemoteClient(child);
  }

  /** Makes the client call a verb of the test's registry. */
  call(
    safety: Safety,
    name: string,
    options: NonNullable<ClientOrder['options']> = {},
  ): Promise<ClientReport> {
    const id = ++this.#calls;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, safety, name, options } satisfies ClientOrder);
    });
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }
}

/** Forks a Node process under a command that runs it somewhere else. */
export function forkIn(
  wrapper: readonly string[],
  main: string,
  args: readonly string[],
): ChildProcess {
  const [program, ...rest] = [...wrapper, process.execPath];
  return fork(main, args, { execPath: program as string, execArgv: [...rest, '--import=tsx'] });
}
