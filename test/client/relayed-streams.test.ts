import { expect } from 'chai';
import { type Client, connect, memory, mutate, read, type Server, serve } from '../../lib/index.ts';
import { type Clock, systemClock } from '../../lib/util/clock.ts';
import { failureOf } from '../support/failure.ts';
import { until } from '../support/road.ts';

const verbs = {
  endless: read.serverStream<void, number>(),
  take: mutate.clientStream<void, number, number>(),
  note: mutate<void, void>(),
};

/** The system's clock, and how many of its timers keep the process alive. */
function watchedClock(): { readonly clock: Clock; readonly holding: () => number } {
  const holding = new Set<object>();
  const clock: Clock = {
    ...systemClock,
    setTimer: (callback, delayMs) => {
      const timer = systemClock.setTimer(() => {
        holding.delete(timer);
        callback();
      }, delayMs);
      holding.add(timer);
      return {
        cancel: () => {
          holding.delete(timer);
          timer.cancel();
        },
        ref: () => {
          holding.add(timer);
          timer.ref();
        },
        unref: () => {
          holding.delete(timer);
          timer.unref();
        },
      };
    },
  };
  return { clock, holding: () => holding.size };
}

describe('A call whose source makes or ends other calls when it is closed', () => {
  let server: Server;
  let client: Client<typeof verbs>;
  let holding: () => number;
  let running: number;

  beforeEach(async () => {
    const medium = memory();
    const watched = watchedClock();
    holding = watched.holding;
    running = 0;
    server = await serve(
      verbs,
      {
        async *endless() {
          running++;
          try {
            for (let item = 1; ; item++) yield item;
          } finally {
            running--;
          }
        },
        take: async (_, { items }) => {
          running++;
          try {
            let count = 0;
            for await (const _ of items) count++;
            return count;
          } finally {
            running--;
          }
        },
        note: () => {},
      },
      { listen: medium },
    );
    client = connect(medium, verbs, { clock: watched.clock });
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await server.close();
  });

  /** Whether the process could end now, and is kept alive by a call. */
  async function expectBalance(): Promise<void> {
    await until(() => client.pending === 0 && running === 0);
    expect(holding()).to.equal(0);
    const noted = client.call.note();
    expect(holding()).to.equal(1);
    await noted;
    expect(holding()).to.equal(0);
  }

  it('keeps the process alive no longer than they run: the items of another call', async () => {
    const controller = new AbortController();
    const sent = client.call.take(undefined, client.call.endless(), { signal: controller.signal });
    await until(() => running === 2);
    controller.abort();
    expect((await failureOf(sent)).code).to.equal('ERR_HOLDFAST_ABORTED');
    await expectBalance();
  });

  it('keeps the process alive no longer than they run: a generator that calls at its end', async () => {
    const controller = new AbortController();
    let noted: Promise<void> | undefined;
    let hasBegun = false;
    const source = function* (): Generator<number> {
      try {
        for (; ; hasBegun = true) yield 1;
      } finally {
        noted = client.call.note();
      }
    };
    const sent = client.call.take(undefined, source(), { signal: controller.signal });
    await until(() => hasBegun);
    controller.abort();
    expect((await failureOf(sent)).code).to.equal('ERR_HOLDFAST_ABORTED');
    await until(() => noted !== undefined);
    await noted;
    await expectBalance();
  });
});
