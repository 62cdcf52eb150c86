import { expect } from 'chai';
import { type Client, connect, defineVerbs, mutate, type Server, serve } from '../../lib/index.ts';
import { Breaker } from '../support/breaker.ts';
import { failureOf } from '../support/failure.ts';
import { Switch } from '../support/gated.ts';

const verbs = defineVerbs({ put: mutate<Uint8Array, number>(), ask: mutate<string, string>() });

type Growing = ArrayBuffer & { resize(byteLength: number): void };

/** Bytes that are as long as their memory is. */
function growing(byteLength: number): Uint8Array {
  const Memory = ArrayBuffer as unknown as new (
    bytes: number,
    options: { readonly maxByteLength: number },
  ) => Growing;
  return new Uint8Array(new Memory(byteLength, { maxByteLength: 10 * byteLength })).fill(7);
}

/** A server, and what it was given. */
class Store {
  readonly put: Uint8Array[] = [];
  server!: Server;
  breaker!: Breaker;
  answer: Promise<unknown> | undefined;
  onPut: () => void = () => {};

  static async start(): Promise<Store> {
    const store = new Store();
    const handlers = {
      put: async (bytes: Uint8Array) => {
        store.put.push(bytes.slice());
        store.onPut();
        await store.answer;
        return bytes.length;
      },
      ask: (text: string) => text,
    };
    store.server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0' });
    store.breaker = await Breaker.before(store.server.urls[0] as string);
    return store;
  }

  async close(): Promise<void> {
    await Promise.all([this.server.close(), this.breaker.close()]);
  }
}

describe('Bytes of an input, when the application does with their memory what it must not', () => {
  let one: Store;
  let other: Store;
  let path: Switch;
  let client: Client<typeof verbs>;

  beforeEach(async () => {
    [one, other] = await Promise.all([Store.start(), Store.start()]);
    path = new Switch();
    path.target = one.breaker.url;
    client = connect(path, verbs, { random: () => 0, timeoutMs: 3_000 });
    await client.ready();
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await Promise.all([one.close(), other.close()]);
  });

  it('are as many as there were, also where the memory has grown: a call that may have run does not run again', async () => {
    one.answer = new Promise(() => {});
    const begun = new Promise<void>((resolve) => {
      one.onPut = resolve;
    });
    const bytes = growing(10_000);
    const call = failureOf(client.call.put(bytes));
    await begun;
    (bytes.buffer as Growing).resize(50_000);
    path.target = other.breaker.url;
    one.breaker.last.reset();
    const { outcome, code } = await call;
    expect([outcome, code]).to.deep.equal(['unknown', 'ERR_HOLDFAST_LOST']);
    expect(one.put.map(({ length }) => length)).to.deep.equal([10_000]);
    expect(other.put).to.deep.equal([]);
    expect(await client.call.ask('the link is sound')).to.equal('the link is sound');
  });

  it('are sent as they were, where the memory has become smaller before', async () => {
    const bytes = growing(10_000);
    const call = client.call.put(bytes);
    (bytes.buffer as Growing).resize(5);
    expect(await call).to.equal(10_000);
    expect(one.put).to.deep.equal([new Uint8Array(10_000).fill(7)]);
  });

  it('are missed where they were given away: the call is not made, and others are', async () => {
    const bytes = new Uint8Array(10_000).fill(7);
    const call = failureOf(client.call.put(bytes));
    structuredClone(bytes, { transfer: [bytes.buffer] });
    const asked = client.call.ask('what follows is no part of it');
    const { outcome, code, message } = await call;
    expect([outcome, code]).to.deep.equal(['not-executed', 'ERR_HOLDFAST_ENCODE']);
    expect(message).to.match(/its input is gone: the memory was given away/);
    expect(await asked).to.equal('what follows is no part of it');
    expect(one.put).to.deep.equal([]);
  });
});
