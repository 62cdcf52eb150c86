import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { BeginRequest, Begun, Completion } from '../../lib/index.ts';

/** A store that any process can open. */
export type StorePlace =
  | { readonly kind: 'lmdb'; readonly path: string }
  | { readonly kind: 'redis'; readonly url: string; readonly prefix: string };

/** What the process is told to do with its store. */
export type StoreOrder =
  | { readonly kind: 'begin'; readonly requests: readonly BeginRequest[] }
  | { readonly kind: 'finish'; readonly request: BeginRequest; readonly completion: Completion }
  /** Begins and finishes `${prefix}0`, `${prefix}1` and so on, and tells of each step. */
  | { readonly kind: 'work'; readonly prefix: string };

/** What it says. */
export type FromStore =
  | { readonly kind: 'ready'; readonly id: string }
  | { readonly kind: 'begun'; readonly begun: readonly Begun[] }
  | { readonly kind: 'finished' }
  | { readonly kind: 'step'; readonly request: BeginRequest; readonly isFinished: boolean };

/** A store in a process of its own, which can be killed and stopped. */
export class StoreProcess {
  readonly id: string;
  /** What it has begun and what it has finished, by its order to `work`. */
  readonly begun: BeginRequest[] = [];
  readonly finished: BeginRequest[] = [];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, id: string) {
    this.#child = child;
    this.id = id;
    child.on('message', (message: FromStore) => {
      if (message.kind !== 'step') return;
      (message.isFinished ? this.finished : this.begun).push(message.request);
    });
  }

  static async open(place: StorePlace): Promise<StoreProcess> {
    const main = fileURLToPath(new URL('./store-main.ts', import.meta.url));
    const child = fork(main, [JSON.stringify(place)], { serialization: 'advanced' });
    const [message] = (await once(child, 'message')) as [FromStore];
    if (message.kind !== 'ready') throw new Error('The process must say that it is ready first');
    return new StoreProcess(child, message.id);
  }

  async begin(...requests: readonly BeginRequest[]): Promise<readonly Begun[]> {
    const answer = await this.#ask({ kind: 'begin', requests });
    return answer.kind === 'begun' ? answer.begun : [];
  }

  async finish(request: BeginRequest, completion: Completion): Promise<void> {
    await this.#ask({ kind: 'finish', request, completion });
  }

  /** Works until it is killed. */
  work(prefix: string): void {
    this.#tell({ kind: 'work', prefix });
  }

  /** Resolves when the process has told of another step. */
  async step(): Promise<void> {
    await once(this.#child, 'message');
  }

  stop(): void {
    this.#child.kill('SIGSTOP');
  }

  continue(): void {
    this.#child.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  async #ask(order: StoreOrder): Promise<FromStore> {
    const answered = once(this.#child, 'message');
    this.#tell(order);
    const [answer] = (await answered) as [FromStore];
    return answer;
  }

  #tell(order: StoreOrder): void {
    this.#child.send(order);
  }
}
