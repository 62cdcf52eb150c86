import {
  type CallOptions,
  type Client,
  type ClientOptions,
  connect,
  type Safety,
} from '../../lib/index.ts';
import { type Told, toldOf } from './truth.ts';
import { verbs } from './verbs.ts';

const classes: readonly Safety[] = ['read', 'idempotent', 'semi', 'once', 'mutate'];

/** What calls are made. */
export interface LoadOptions {
  /** How long the handler of the next call takes, in ms. */
  readonly delayMs: () => number;
  /** Default: one worker for each class. */
  readonly workers?: readonly Safety[];
  /** So great a part of the `once` calls is made by two clients at the same time, under one key. */
  readonly sharedShare?: number;
  /** Begins the names of its calls, where there is more than one load. */
  readonly who?: string;
  readonly client?: ClientOptions;
  readonly call?: CallOptions;
}

/** For a machine on which nothing is at rest: what is lost is dialled again at once. */
const hasty: ClientOptions = {
  // A server that is killed again and again loses most of what comes: more than a budget bears.
  retryBudget: false,
  reconnectBaseMs: 2,
  reconnectCapMs: 20,
  timeoutMs: 60_000,
  // On a busy machine a process takes long for its start.
  maxReplayAgeMs: 60_000,
  maxAttempts: 50,
};

/** Clients that call without a pause, and what they are told. */
export class Load {
  readonly told: Told[] = [];
  readonly clients: readonly Client<typeof verbs>[];
  /** How often calls were sent again. */
  replays = 0;
  /** How long the slowest call took. */
  slowestMs = 0;
  readonly #options: LoadOptions;
  readonly #workers: readonly Promise<void>[];
  #watchers: (() => void)[] = [];
  #isOver = false;

  /** @param targets one client for each */
  constructor(targets: readonly (string | readonly string[])[], options: LoadOptions) {
    this.#options = options;
    this.clients = targets.map((target) => connect(target, verbs, { ...hasty, ...options.client }));
    for (const client of this.clients) client.on('replay', () => this.replays++);
    const { workers = classes, who = 'call' } = options;
    this.#workers = this.clients.flatMap((_, client) =>
      workers.map((safety, worker) => this.#work(client, safety, `${who} ${client}.${worker}`)),
    );
  }

  /** Resolves when so many more calls have settled. */
  async settled(count: number): Promise<void> {
    const goal = this.told.length + count;
    while (this.told.length < goal) {
      await new Promise<void>((resolve) => this.#watchers.push(resolve));
    }
  }

  /** Makes no more calls, and resolves when all have settled. */
  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#workers);
    await Promise.all(this.clients.map((client) => client.close()));
  }

  /** Ends at once. */
  async destroy(): Promise<void> {
    this.#isOver = true;
    for (const client of this.clients) client.destroy();
    await Promise.all(this.#workers);
  }

  async #work(client: number, safety: Safety, who: string): Promise<void> {
    const { delayMs, sharedShare = 0 } = this.#options;
    for (let index = 0; !this.#isOver; index++) {
      const name = `${who} ${safety} ${index} @${Math.floor(delayMs())}`;
      if (safety === 'once' && Math.random() < sharedShare) {
        const other = (client + 1) % this.clients.length;
        const options = { key: name };
        await Promise.all([
          this.#call(client, safety, name, options),
          this.#call(other, safety, name, options),
        ]);
      } else {
        await this.#call(client, safety, name);
      }
    }
  }

  async #call(client: number, safety: Safety, name: string, more: CallOptions = {}): Promise<void> {
    const { call } = this.clients[client] as Client<typeof verbs>;
    const options = { ...this.#options.call, ...more };
    const start = performance.now();
    const told = await toldOf(safety, name, call[safety](name, options));
    this.told.push({ ...told, isShared: more.key !== undefined });
    this.slowestMs = Math.max(this.slowestMs, performance.now() - start);
    for (const wake of this.#watchers.splice(0)) wake();
  }
}
