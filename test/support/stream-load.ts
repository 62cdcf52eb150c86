import { expect } from 'chai';
import {
  type Client,
  connect,
  defineVerbs,
  mutate,
  read,
  type Server,
  serve,
} from '../../lib/index.ts';
import { settledBytes } from './memory-use.ts';

const verbs = defineVerbs({
  give: read.serverStream<number, Uint8Array>(),
  take: mutate.clientStream<void, Uint8Array, number>(),
  echo: read<string, string>(),
});

const itemBytes = 64 * 1024;

/**
 * What a stream may keep in both processes together, in bytes: at the sender what the far side may
 * not have, at the receiver what the application has not taken, each the default window of 1 MiB and
 * an item; and what lies in buffers of the connection between.
 */
export const boundBytes: number = 4 * 1024 * 1024;

/** So many items fit into the default window of 1 MiB, with what each costs beside its bytes. */
const windowItems = Math.floor((1024 * 1024) / (itemBytes + 32));

/**
 * So many items may come between a small call and its answer: a window that is on its way when the call
 * is written, and another where what was taken meanwhile is told the server in the same breath.
 */
export const maxOvertaken: number = 2 * windowItems;

/**
 * The same where the connection is looked at before the call is written: that takes two turns of the
 * event loop, and in each of them a window may be taken and asked for.
 */
export const maxOvertakenLooking: number = maxOvertaken + 2 * windowItems;

/** A client and a server in one process, with long streams between them. */
export class StreamLoad {
  #server: Server | undefined;
  #client: Client<typeof verbs> | undefined;
  /** How often it looks at the memory: that takes long in a process that has much. */
  readonly #looks: number;
  /** The most that was held beyond what was there before. */
  mostBytes = 0;

  constructor(looks = 4) {
    this.#looks = looks;
  }

  /** @param isLooking before each call the connection is looked at; otherwise before none */
  async start(isLooking = false): Promise<Client<typeof verbs>> {
    this.#server = await serve(
      verbs,
      {
        give: (count) => itemsUpTo(count),
        take: async (_, { items }) => {
          let count = 0;
          const look = await this.#looking();
          for await (const item of items) await look(item, ++count);
          return count;
        },
        echo: (text) => text,
      },
      { listen: 'tcp://127.0.0.1:0' },
    );
    const probeAfterMs = isLooking ? 0 : 3_600_000;
    this.#client = connect(this.#server.urls[0] as string, verbs, { probeAfterMs });
    await this.#client.ready();
    return this.#client;
  }

  async end(): Promise<void> {
    this.#client?.destroy();
    await this.#client?.closed;
    await this.#server?.close();
  }

  #total = 0;

  /** Streams so many bytes to a consumer that is much slower than its source: it looks at all. */
  async toSlowClient(totalBytes: number): Promise<void> {
    const { call } = this.#client as Client<typeof verbs>;
    this.#total = totalBytes / itemBytes;
    let count = 0;
    const look = await this.#looking();
    for await (const item of call.give(this.#total)) {
      await look(item, ++count);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(count).to.equal(this.#total);
  }

  /** The same the other way; the handler is not slower than its loop. */
  async toServer(totalBytes: number): Promise<void> {
    const { call } = this.#client as Client<typeof verbs>;
    this.#total = totalBytes / itemBytes;
    expect(await call.take(undefined, itemsUpTo(this.#total))).to.equal(this.#total);
  }

  /** Checks each item, and now and then how much memory is held. */
  async #looking(): Promise<(item: Uint8Array, place: number) => Promise<void>> {
    const before = await settledBytes();
    this.mostBytes = 0;
    const every = Math.ceil(this.#total / this.#looks);
    return async (item, place) => {
      const first = Buffer.from(item.buffer, item.byteOffset, 4).readUInt32BE();
      if (first !== place || item.byteLength !== itemBytes) {
        throw new Error(`Item ${place} says that it is ${first}, and has ${item.byteLength} bytes`);
      }
      if (place % every !== 0) return;
      const held = await settledBytes(before + boundBytes);
      this.mostBytes = Math.max(this.mostBytes, held - before);
    };
  }

  /**
   * Makes small calls while a stream is on its way.
   *
   * @returns how many items came between a call and its answer, for each call
   */
  async overtake(totalBytes: number, calls: number): Promise<number[]> {
    const { call } = this.#client as Client<typeof verbs>;
    const total = totalBytes / itemBytes;
    const waits: number[] = [];
    let count = 0;
    for await (const _ of call.give(total)) {
      count++;
      if (count % Math.floor(total / calls) !== 0) continue;
      const from = count;
      void call.echo('small').then(() => waits.push(count - from));
    }
    expect(count).to.equal(total);
    return waits;
  }
}

/** Items in memory of their own, so that it shows when they are kept; each says which it is. */
function* itemsUpTo(count: number): Generator<Uint8Array> {
  for (let place = 1; place <= count; place++) {
    const item = Buffer.allocUnsafeSlow(itemBytes);
    item.writeUInt32BE(place);
    yield item;
  }
}
