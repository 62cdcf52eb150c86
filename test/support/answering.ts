import {
  type CallContext,
  type Client,
  type ClientOptions,
  connect,
  type Handlers,
  type ReplayEvent,
  type Server,
  serve,
  transient,
  type Verbs,
} from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { ampleBudget } from './budgets.ts';
import { Executions } from './verbs.ts';

/** A server whose handlers do what the test says, and clients with a clock that stands still. */
export class Answering<V extends Verbs> {
  readonly clock: VirtualClock = new VirtualClock({ turns: 'real' });
  readonly executions: Executions = new Executions();
  /** What the handlers were told of which attempt it is. */
  readonly attempts: number[] = [];
  readonly replays: ReplayEvent[] = [];
  client!: Client<V>;
  server!: Server;
  handle: (input: string, call: CallContext) => string | Promise<string> = () => 'good';
  readonly #clients: Client<V>[] = [];
  readonly #verbs: V;

  private constructor(verbs: V) {
    this.#verbs = verbs;
  }

  static async start<V extends Verbs>(verbs: V): Promise<Answering<V>> {
    const answering = new Answering(verbs);
    const handler = (input: string, call: CallContext): string | Promise<string> => {
      answering.executions.note(input);
      answering.attempts.push(call.attempt);
      return answering.handle(input, call);
    };
    const handlers = Object.fromEntries(Object.keys(verbs).map((name) => [name, handler]));
    const listen = 'tcp://127.0.0.1:0';
    answering.server = await serve(verbs, handlers as unknown as Handlers<V>, { listen });
    answering.connect();
    await answering.client.ready();
    return answering;
  }

  /** The next client; delays are half of what they can be at most. */
  connect(options: ClientOptions<V> = {}): Client<V> {
    const url = this.server.urls[0] as string;
    const { clock } = this;
    const chosen = { clock, random: () => 0.5, retryBudget: ampleBudget, ...options };
    this.client = connect<V>(url, this.#verbs, chosen as ClientOptions<NoInfer<V>>);
    this.client.on('replay', (event) => this.replays.push(event));
    this.#clients.push(this.client);
    return this.client;
  }

  /** Each input fails so often, then it is answered. */
  failing(times: number, error: () => Error): void {
    this.handle = (input) => {
      if (this.executions.of(input) <= times) throw error();
      return `good ${input}`;
    };
  }

  /** Resolves when so many replays were decided. */
  async replayed(count: number): Promise<void> {
    while (this.replays.length < count) await new Promise(setImmediate);
  }

  async close(): Promise<void> {
    for (const client of this.#clients) {
      client.destroy();
      await client.closed;
    }
    await this.server.close();
  }
}

/** What a handler throws that wants to be asked again. */
export function passing(): Error {
  return transient(new Error('the store restarts'));
}
