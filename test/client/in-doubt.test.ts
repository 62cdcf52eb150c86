import { expect } from 'chai';
import {
  type Channel,
  type Client,
  connect,
  type Medium,
  type Server,
  serve,
  tcp,
} from '../../lib/index.ts';
import { Breaker } from '../support/breaker.ts';
import { failureOf } from '../support/failure.ts';
import { Executions, verbs } from '../support/verbs.ts';

/** An address whose server is another one from dial to dial, as behind a balancer. */
class Switch implements Medium {
  readonly address = 'switch';
  target = '';

  dial(signal: AbortSignal): Promise<Channel> {
    const { hostname, port } = new URL(this.target);
    return tcp({ host: hostname, port: Number(port) }).dial(signal);
  }
}

/** A server whose handlers wait, behind a line that can be broken. */
class Gated {
  readonly executions: Executions = new Executions();
  readonly aborted: string[] = [];
  server!: Server;
  breaker!: Breaker;
  readonly #gates = new Map<string, () => void>();
  #watchers: (() => void)[] = [];

  static async start(): Promise<Gated> {
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
    gated.server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0' });
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

describe('A call in doubt, when another server process answers', () => {
  let one: Gated;
  let other: Gated;
  let path: Switch;
  let client: Client<typeof verbs>;

  beforeEach(async () => {
    [one, other] = await Promise.all([Gated.start(), Gated.start()]);
    path = new Switch();
    path.target = one.url;
    client = connect(path, verbs, { random: () => 0, timeoutMs: 3_000 });
    await client.call.read('known to one');
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await Promise.all([one.close(), other.close()]);
  });

  it('is not run again because a server that knows the session never had it', async () => {
    path.target = other.url;
    one.breaker.last.reset();
    const call = failureOf(client.call.mutate('pay'));
    await other.begun(1);
    path.target = one.url;
    other.breaker.last.reset();
    const { outcome, code } = await Promise.race([
      call,
      one.begun(2).then(() => ({ outcome: 'executed twice', code: '' })),
    ]);
    expect([outcome, code]).to.deep.equal(['unknown', 'ERR_HOLDFAST_LOST']);
    expect(one.executions.of('pay') + other.executions.of('pay')).to.equal(1);
  });

  it('is judged at once when a draining link is lost and the next one is up', async () => {
    const calls = [failureOf(client.call.mutate('pay')), client.call.semi('lock')] as const;
    await one.begun(3);
    path.target = other.url;
    const drained = one.server.drain();
    await client.call.read('the next link is up');
    one.breaker.last.reset();
    await other.begun(2);
    other.open('lock');
    expect(await calls[1]).to.equal('done lock');
    const { outcome, code } = await calls[0];
    expect([outcome, code]).to.deep.equal(['unknown', 'ERR_HOLDFAST_LOST']);
    await drained;
  });
});
