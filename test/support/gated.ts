import {
  type Channel,
  type Handlers,
  type Listener,
  type Medium,
  type Server,
  type ServerOptions,
  serve,
  tcp,
  type Verbs,
} from '../../lib/index.ts';
import { Breaker } from './breaker.ts';
import { Executions, verbs } from './verbs.ts';

/** An address whose server is another one from dial to dial, as behind a balancer. */
export class Switch implements Medium {
  readonly address = 'switch';
  target = '';
  dials = 0;
  /** What a dial waits for, or fails with. */
  gate: Promise<unknown> | undefined;

  async dial(signal: AbortSignal): Promise<Channel> {
    this.dials++;
    await this.gate;
    const { hostname, port } = new URL(this.target);
    return tcp({ host: hostname, port: Number(port) }).dial(signal);
  }
}

/** A server whose handlers wait, behind a line that can be broken. */
export class Gated {
  readonly executions: Executions = new Executions();
  readonly aborted: string[] = [];
  server!: Server;
  breaker!: Breaker;
  /** What the handlers throw at once. */
  refusal: Error | undefined;
  readonly #gates = new Map<string, () => void>();
  #watchers: (() => void)[] = [];

  static async start(
    listen: string | Listener = 'tcp://127.0.0.1:0',
    table: Verbs = verbs,
    options: Omit<ServerOptions, 'listen'> = {},
  ): Promise<Gated> {
    const gated = new Gated();
    const wait = async (
      name: string,
      { signal }: { readonly signal: AbortSignal },
    ): Promise<string> => {
      gated.executions.note(name);
      signal.addEventListener('abort', () => {
        gated.aborted.push(name);
        gated.#wake();
      });
      gated.#wake();
      if (gated.refusal !== undefined) throw gated.refusal;
      await new Promise<void>((resolve) => gated.#gates.set(name, resolve));
      return `done ${name}`;
    };
    const handlers = {
      read: (name: string) => gated.executions.note(name),
      idempotent: wait,
      semi: wait,
      once: wait,
      mutate: wait,
    };
    gated.server = await serve(table, handlers as Handlers<Verbs>, { ...options, listen });
    gated.breaker = await Breaker.before(gated.server.urls[0] as string);
    return gated;
  }

  get url(): string {
    return this.breaker.url;
  }

  /** Resolves when so many handlers have begun. */
  begun(count: number): Promise<void> {
    return this.until(() => this.executions.total >= count);
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }

  open(name: string): void {
    this.#gates.get(name)?.();
  }

  async close(): Promise<void> {
    for (const open of this.#gates.values()) open();
    await this.server.close();
    await this.breaker.close();
  }

  #wake(): void {
    for (const wake of this.#watchers.splice(0)) wake();
  }
}
