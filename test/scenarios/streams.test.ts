import { expect } from 'chai';
import type { DrainReport, HoldfastError } from '../../lib/index.ts';
import { until } from '../support/road.ts';
import {
  boundBytes,
  maxOvertaken,
  maxOvertakenLooking,
  StreamLoad,
} from '../support/stream-load.ts';
import { StreamRounds } from '../support/stream-rounds.ts';
import { StreamingScene, upTo } from '../support/streaming.ts';

const MiB = 1024 * 1024;

describe('Streams', () => {
  it('arrive whole, once and in order when the connection is cut at every tenth item', async function () {
    this.timeout(60_000);
    const rounds = new StreamRounds();
    try {
      await rounds.run(30);
      expect(rounds.cuts).to.be.at.least(90);
      expect(rounds.connections).to.be.at.least(60);
    } finally {
      await rounds.end();
    }
  });

  describe('of many bytes', () => {
    let load: StreamLoad;

    beforeEach(() => {
      load = new StreamLoad();
    });

    afterEach(() => load.end());

    it('keep no more memory than their windows, however slow the consumer is', async function () {
      this.timeout(60_000);
      await load.start();
      await load.toSlowClient(64 * MiB);
      expect(load.mostBytes).to.be.below(boundBytes);
      await load.toServer(64 * MiB);
      expect(load.mostBytes).to.be.below(boundBytes);
    });

    it('are overtaken by small calls on the same connection', async function () {
      this.timeout(60_000);
      await load.start();
      const waits = await load.overtake(64 * MiB, 32);
      expect(waits.length).to.be.at.least(31);
      expect(Math.max(...waits)).to.be.at.most(maxOvertaken);
    });

    it('do not keep the look before a call, however they flow', async function () {
      this.timeout(60_000);
      await load.start(true);
      const waits = await load.overtake(64 * MiB, 16);
      expect(waits.length).to.be.at.least(15);
      expect(Math.max(...waits)).to.be.at.most(maxOvertakenLooking);
    });
  });

  describe('of a server that drains', () => {
    let scene: StreamingScene;

    afterEach(() => scene.close());

    it('are finished, and nothing is cut', async () => {
      scene = await StreamingScene.start('mutate');
      const client = scene.client();
      let drained: Promise<DrainReport> | undefined;
      const got: number[] = [];
      scene.beforeItem = (_, item) => {
        if (item === 3) drained = scene.server.drain({ timeoutMs: 30_000, noticeMs: 10 });
      };
      for await (const item of client.call.count({ name: 'x', count: 200 })) got.push(item);
      expect(got).to.deep.equal(upTo(200));
      expect(await drained).to.deep.equal({ cut: [] });
    });

    it('are cut when the time is over, and named; the client knows how far it came', async () => {
      scene = await StreamingScene.start('mutate');
      const client = scene.client();
      const got: number[] = [];
      scene.beforeItem = (_, item) => item === 5 && new Promise(() => {});
      const items = client.call.count({ name: 'x', count: 200 });
      const failed = (async () => {
        for await (const item of items) got.push(item);
      })().catch((error: unknown) => error);
      await until(() => got.length === 4);
      const { cut } = await scene.server.drain({ timeoutMs: 100, noticeMs: 10 });
      expect(cut.map(({ verb, outcome }) => [verb, outcome])).to.deep.equal([['count', 'unknown']]);
      // Its successor knows nothing of the stream.
      await scene.serve();
      const { code, outcome, delivered } = (await failed) as HoldfastError;
      expect([code, outcome, delivered]).to.deep.equal(['ERR_HOLDFAST_PARTIAL', 'unknown', 4]);
    });
  });
});
