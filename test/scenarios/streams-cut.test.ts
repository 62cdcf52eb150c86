import { expect } from 'chai';
import type { Direction } from '../../lib/testing/index.ts';
import {
  all,
  type StreamClient,
  StreamingScene,
  streamClasses,
  upTo,
} from '../support/streaming.ts';

/** Calls of each kind; each gives what came back, which must be the same whatever happens. */
const kinds: Readonly<
  Record<string, { run(client: StreamClient, name: string, n: number): Promise<number[]> }>
> = {
  'a stream of the server': {
    run: (client, name, count) => all(client.call.count({ name, count })),
  },
  'a stream of the client': {
    run: (client, name, count) => client.call.collect({ name }, upTo(count)),
  },
  'streams both ways': {
    run: async (client, name, count) => {
      const items = await all(client.call.tenfold({ name }, upTo(count)));
      return items.map((item) => item / 10);
    },
  },
};

const directions: readonly Direction[] = ['toClient', 'toServer'];

describe('While the server lives, a stream goes on at the next item', () => {
  let scene: StreamingScene;

  afterEach(() => scene.close());

  for (const [what, { run }] of Object.entries(kinds)) {
    for (const direction of directions) {
      it(`${what}, cut at any byte ${direction}`, async function () {
        this.timeout(60_000);
        scene = await StreamingScene.start('mutate');
        const { helloBytes, allBytes } = await measured(run, direction);
        expect(allBytes).to.be.greaterThan(helloBytes + 40);
        for (let afterBytes = helloBytes; afterBytes < allBytes; afterBytes++) {
          await cut(`${afterBytes}`, run, direction, [afterBytes]);
        }
      });

      it(`${what}, cut ${direction} again and again`, async function () {
        this.timeout(60_000);
        scene = await StreamingScene.start('mutate');
        const { helloBytes, allBytes } = await measured(run, direction);
        for (let first = helloBytes; first < allBytes; first += 7) {
          const limits = [first, helloBytes + (first % 31), allBytes - (first % 41), first];
          await cut(`${first} ${limits}`, run, direction, limits);
        }
      });
    }

    for (const safety of streamClasses) {
      it(`${what} of the class "${safety}", cut at every item`, async function () {
        this.timeout(60_000);
        scene = await StreamingScene.start(safety);
        let cuts = 0;
        scene.beforeItem = () => {
          cuts++;
          scene.medium.last.reset();
        };
        const count = 60;
        const client = scene.client();
        expect(await run(client, 'x', count)).to.deep.equal(upTo(count));
        expect(cuts).to.be.at.least(count);
        expect(scene.executions.of('x')).to.equal(1);
        expect(scene.endings.get('x')).to.deep.equal(['done']);
      });
    }
  }

  it('also when its consumer is slow and the items wait here', async () => {
    scene = await StreamingScene.start('mutate');
    const client = scene.client();
    const got: number[] = [];
    for await (const item of client.call.count({ name: 'slow', count: 20 })) {
      got.push(item);
      scene.medium.last.reset();
      await client.ready();
    }
    expect(got).to.deep.equal(upTo(20));
    expect(scene.executions.of('slow')).to.equal(1);
  });

  /** What passes when nothing is cut: of the greeting, and of all. */
  async function measured(
    run: (client: StreamClient, name: string, count: number) => Promise<number[]>,
    direction: Direction,
  ): Promise<{ helloBytes: number; allBytes: number }> {
    const client = scene.client();
    await client.ready();
    const helloBytes = scene.medium.last.passed(direction);
    expect(await run(client, 'all', 6)).to.deep.equal(upTo(6));
    const allBytes = scene.medium.last.passed(direction);
    await client.close();
    return { helloBytes, allBytes };
  }

  async function cut(
    name: string,
    run: (client: StreamClient, name: string, count: number) => Promise<number[]>,
    direction: Direction,
    limits: readonly number[],
  ): Promise<void> {
    scene.medium.next(...limits.map((afterBytes) => ({ [direction]: { cut: { afterBytes } } })));
    const client = scene.client();
    expect(await run(client, name, 6), name).to.deep.equal(upTo(6));
    expect(scene.executions.of(name), name).to.equal(1);
    await client.close();
  }
});
