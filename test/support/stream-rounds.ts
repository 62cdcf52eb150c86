import { expect } from 'chai';
import {
  type Client,
  connect,
  defineVerbs,
  mutate,
  read,
  type Server,
  serve,
  tcp,
} from '../../lib/index.ts';
import { FaultMedium, seededRandom } from '../../lib/testing/index.ts';

/** An item: which it is, and something that makes it long. */
interface Item {
  readonly place: number;
  readonly bytes: Uint8Array;
}

const verbs = defineVerbs({
  give: read.serverStream<{ seed: number; count: number }, Item>(),
  take: mutate.clientStream<{ seed: number }, Item, { count: number; sum: number }>(),
  back: mutate.duplex<{ seed: number }, Item, Item>(),
});

type Handlers = Parameters<typeof serve<typeof verbs>>[1];

/** So often the connection is cut, whichever way items go. */
const cutEvery = 10;

/** Items of sizes that differ, the same for the same seed. */
function* itemsOf(seed: number, count: number): Generator<Item> {
  const random = seededRandom(seed);
  for (let place = 1; place <= count; place++) {
    const size = Math.floor(random() < 0.05 ? random() * 200_000 : random() * 2_000);
    yield { place, bytes: Buffer.alloc(size, place) };
  }
}

function sumOf(items: Iterable<Item>): number {
  let sum = 0;
  for (const { place, bytes } of items) sum = (sum * 31 + place + bytes.byteLength) % 1_000_003;
  return sum;
}

/** Rounds of streams of each kind, on connections that are cut at every tenth item of each way. */
export class StreamRounds {
  /** How often a handler ran, by the round's seed. */
  readonly #executions = new Map<number, number>();
  #server: Server | undefined;
  #medium: FaultMedium | undefined;
  #client: Client<typeof verbs> | undefined;
  cuts = 0;

  /** How many connections there were. */
  get connections(): number {
    return this.#medium?.dials ?? 0;
  }

  async run(rounds: number): Promise<void> {
    this.#server = await serve(verbs, this.#handlers(), { listen: 'tcp://127.0.0.1:0' });
    const { hostname, port } = new URL(this.#server.urls[0] as string);
    this.#medium = new FaultMedium(tcp({ host: hostname, port: Number(port) }));
    this.#client = connect(this.#medium, verbs, { reconnectBaseMs: 1, reconnectCapMs: 2 });
    for (let seed = 1; seed <= rounds; seed++) {
      const count = 20 + (seed % 41);
      if (seed % 3 === 0) await this.#give(this.#client, seed, count);
      else if (seed % 3 === 1) await this.#take(this.#client, seed, count);
      else await this.#back(this.#client, seed, count);
      expect(this.#executions.get(seed), `executions of round ${seed}`).to.equal(1);
    }
  }

  async end(): Promise<void> {
    this.#client?.destroy();
    await this.#client?.closed;
    await this.#server?.close();
    this.#medium?.destroy();
  }

  async #give(client: Client<typeof verbs>, seed: number, count: number): Promise<void> {
    await this.#expectItems(client.call.give({ seed, count }), seed, count);
  }

  async #take(client: Client<typeof verbs>, seed: number, count: number): Promise<void> {
    const taken = await client.call.take({ seed }, this.#cutting(itemsOf(seed, count)));
    expect(taken, `round ${seed}`).to.deep.equal({ count, sum: sumOf(itemsOf(seed, count)) });
  }

  async #back(client: Client<typeof verbs>, seed: number, count: number): Promise<void> {
    const sent = this.#cutting(itemsOf(seed, count));
    await this.#expectItems(client.call.back({ seed }, sent), seed, count);
  }

  async #expectItems(items: AsyncIterable<Item>, seed: number, count: number): Promise<void> {
    let place = 0;
    const got: Item[] = [];
    for await (const item of items) {
      expect(item.place, `round ${seed}`).to.equal(++place);
      got.push(item);
      this.#cut(place);
    }
    expect(place, `round ${seed}`).to.equal(count);
    expect(sumOf(got), `round ${seed}`).to.equal(sumOf(itemsOf(seed, count)));
  }

  /** The connection dies; by the tenth item now, by the next tenth its client may be on another. */
  #cut(place: number): void {
    if (place % cutEvery !== 0) return;
    this.cuts++;
    this.#medium?.last.reset();
  }

  /** Cuts the connection at every tenth item, a few turns after it was given. */
  async *#cutting(items: Iterable<Item>): AsyncGenerator<Item> {
    for (const item of items) {
      yield item;
      this.#cut(item.place);
      if (item.place % cutEvery === 0) await turns(item.place % 7);
    }
  }

  #handlers(): Handlers {
    const note = (seed: number): void => {
      this.#executions.set(seed, (this.#executions.get(seed) ?? 0) + 1);
    };
    const cutting = (items: Iterable<Item>): AsyncGenerator<Item> => this.#cutting(items);
    return {
      give: ({ seed, count }) => {
        note(seed);
        return cutting(itemsOf(seed, count));
      },
      take: async ({ seed }, { items }) => {
        note(seed);
        const taken: Item[] = [];
        for await (const item of items) taken.push(item);
        return { count: taken.length, sum: sumOf(taken) };
      },
      back: async function* ({ seed }, { items }) {
        note(seed);
        yield* items;
      },
    };
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
