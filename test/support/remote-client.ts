import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { CallOptions, ClientOptions, Outcome, Safety } from '../../lib/index.ts';

/** What the process of clients is told, and what it answers. */
export type ClientOrder =
  | { readonly kind: 'connect'; readonly client: number; readonly url: string }
  | { readonly kind: 'end'; readonly client: number }
  | {
      readonly kind: 'call';
      readonly client: number;
      readonly id: number;
      readonly safety: Safety;
      readonly name: string;
      readonly options: RemoteCallOptions;
    };
export type FromClients =
  | { readonly kind: 'ready' }
  | { readonly kind: 'lost'; readonly client: number; readonly reason: string }
  | ({ readonly kind: 'report'; readonly id: number } & ClientReport);

export type RemoteCallOptions = Pick<CallOptions, 'replay' | 'timeoutMs'>;

/** How a call ended. */
export interface ClientReport {
  /** How long the call took. */
  readonly ms: number;
  readonly value?: unknown;
  readonly failure?: { readonly code: string; readonly outcome: Outcome; readonly message: string };
}

/** Clients in a process, and if wanted in a network namespace, of their own. */
export class ClientProcess {
  readonly #child: ChildProcess;
  readonly #reports = new Map<number, (report: ClientReport) => void>();
  readonly #losses = new Map<number, (reason: string) => void>();
  #clients = 0;
  #calls = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message: FromClients) => {
      if (message.kind === 'report') this.#reports.get(message.id)?.(message);
      else if (message.kind === 'lost') this.#losses.get(message.client)?.(message.reason);
    });
  }

  /** @param wrapper what runs Node, e.g. `['ip', 'netns', 'exec', 'name']` */
  static async start(
    options: ClientOptions,
    wrapper: readonly string[] = [],
  ): Promise<ClientProcess> {
    const main = fileURLToPath(new URL('./remote-client-main.ts', import.meta.url));
    const child = forkIn(wrapper, main, [JSON.stringify(options)]);
    await once(child, 'message');
    return new ClientProcess(child);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  connect(url: string): RemoteClient {
    const client = ++this.#clients;
    this.#tell({ kind: 'connect', client, url });
    return {
      call: (safety, name, options = {}) => {
        const id = ++this.#calls;
        return new Promise((resolve) => {
          this.#reports.set(id, resolve);
          this.#tell({ kind: 'call', client, id, safety, name, options });
        });
      },
      lost: () => new Promise((resolve) => this.#losses.set(client, resolve)),
      end: () => this.#tell({ kind: 'end', client }),
    };
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }

  #tell(order: ClientOrder): void {
    this.#child.send(order);
  }
}

/** One of the clients. */
export interface RemoteClient {
  /** Makes the client call a verb of the tests' registry. */
  call(safety: Safety, name: string, options?: RemoteCallOptions): Promise<ClientReport>;
  /** Resolves with the reason when its link is lost the next time. */
  lost(): Promise<string>;
  end(): void;
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
