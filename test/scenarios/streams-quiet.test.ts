import { expect } from 'chai';
import {
  type Client,
  connect,
  type Medium,
  memory,
  mutate,
  read,
  type Server,
  serve,
} from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { until } from '../support/road.ts';
import { all, upTo } from '../support/streaming.ts';

const verbs = {
  give: read.serverStream<number, number>(),
  take: mutate.clientStream<void, number, number[]>(),
  double: mutate.duplex<void, number, number>(),
  /** Gives an item whenever the test says so. */
  watch: read.serverStream<void, number>(),
  echo: read<string, string>(),
};

const second = 1_000;
const hour = 3_600 * second;
const windowBytes = 128 * 1024;
/** More than fits into the windows of both sides, in items that cost 32 bytes and a few. */
const count = 20_000;

/** A medium on which links are watched for stalls, and which counts its connections. */
class Watched implements Medium {
  readonly address = 'watched:';
  readonly losesPackets = true;
  readonly #medium: Medium;
  dials = 0;

  constructor(medium: Medium) {
    this.#medium = medium;
  }

  dial(signal: AbortSignal): ReturnType<Medium['dial']> {
    this.dials++;
    return this.#medium.dial(signal);
  }
}

describe('A stream on which nothing moves', () => {
  let clock: VirtualClock;
  let server: Server;
  let client: Client<typeof verbs>;
  let medium: Watched;
  let isSlow: boolean;
  let goOn: () => void;
  let given: number;
  let more: (() => void)[];
  let ends: number;

  beforeEach(async () => {
    clock = new VirtualClock({ turns: 'real' });
    isSlow = false;
    goOn = () => {};
    given = 0;
    more = [];
    ends = 0;
    const here = memory('quiet');
    const slowly = (): Promise<void> | undefined => {
      if (!isSlow) return undefined;
      return new Promise((resolve) => {
        goOn = () => {
          isSlow = false;
          resolve();
        };
      });
    };
    server = await serve(
      verbs,
      {
        give: function* (items) {
          for (given = 1; given <= items; given++) yield given;
        },
        take: async (_, { items }) => {
          const got: number[] = [];
          for await (const item of items) {
            await slowly();
            got.push(item);
          }
          return got;
        },
        double: async function* (_, { items }) {
          for await (const item of items) {
            await slowly();
            yield 2 * item;
          }
        },
        watch: async function* (_, { signal }) {
          try {
            for (let item = 1; ; item++) {
              yield item;
              await new Promise<void>((resolve) => {
                more.push(resolve);
                signal.addEventListener('abort', () => resolve());
              });
            }
          } finally {
            ends++;
          }
        },
        echo: (text) => text,
      },
      { listen: here, clock, streamWindowBytes: windowBytes },
    );
    medium = new Watched(here);
    client = connect(medium, verbs, {
      clock,
      streamWindowBytes: windowBytes,
      stall: { afterMs: 200 },
    });
    await client.ready();
  });

  afterEach(async () => {
    goOn();
    client.destroy();
    await client.closed;
    await server.close();
  });

  /** Far longer than heartbeats, the watch for stalls, and the time of any call. */
  async function rest(): Promise<void> {
    await clock.pass(200 * second);
    expect(client.pending).to.equal(1);
    expect([client.state, medium.dials]).to.deep.equal(['ready', 1]);
  }

  it('for its client takes nothing, is no stall: all of it comes when the client goes on', async () => {
    const items = client.call.give(count)[Symbol.asyncIterator]();
    const got = [(await items.next()).value];
    await rest();
    expect(given).to.be.below(count);
    for (let next = await items.next(); next.done !== true; next = await items.next()) {
      got.push(next.value);
      if (got.length === count / 2) await rest();
    }
    expect(got).to.deep.equal(upTo(count));
  });

  it('for its handler takes nothing, is no stall: all of it comes when the handler goes on', async () => {
    isSlow = true;
    let taken = 0;
    const source = function* (): Generator<number> {
      for (taken = 1; taken <= count; taken++) yield taken;
    };
    const upload = client.call.take(undefined, source());
    await until(() => taken > 1);
    await rest();
    expect(taken).to.be.below(count);
    goOn();
    expect(await upload).to.deep.equal(upTo(count));
    expect(medium.dials).to.equal(1);
  });

  it('for both wait for each other, is no stall', async () => {
    isSlow = true;
    const items = client.call.double(undefined, upTo(count))[Symbol.asyncIterator]();
    const first = items.next();
    await rest();
    goOn();
    const got = [(await first).value];
    await rest();
    for (let next = await items.next(); next.done !== true; next = await items.next()) {
      got.push(next.value);
    }
    expect(got).to.deep.equal(upTo(count).map((item) => 2 * item));
    expect(medium.dials).to.equal(1);
  });

  it('for its source gives nothing, is no stall', async () => {
    let give: () => void = () => {};
    const source = async function* (): AsyncGenerator<number> {
      yield 1;
      await new Promise<void>((resolve) => {
        give = resolve;
      });
      yield 2;
    };
    const upload = client.call.take(undefined, source());
    await rest();
    give();
    expect(await upload).to.deep.equal([1, 2]);
    expect(medium.dials).to.equal(1);
  });

  it('lives for hours beside heartbeats and other calls, and brings the next item at once', async function () {
    this.timeout(30_000);
    const items = client.call.watch()[Symbol.asyncIterator]();
    expect((await items.next()).value).to.equal(1);
    for (let item = 2; item <= 5; item++) {
      const next = items.next();
      await clock.pass(hour / 2);
      expect(await client.call.echo(`${item}`)).to.equal(`${item}`);
      await clock.pass(hour / 2);
      more.shift()?.();
      expect(await next).to.deep.equal({ done: false, value: item });
    }
    expect([client.pending, client.state, medium.dials]).to.deep.equal([1, 'ready', 1]);
    await items.return?.();
    await until(() => ends === 1);
    expect(client.pending).to.equal(0);
    expect(await all(client.call.give(3))).to.deep.equal([1, 2, 3]);
  });
});
