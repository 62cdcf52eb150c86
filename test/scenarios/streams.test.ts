import { expect } from 'chai';
import { boundBytes, maxOvertaken, StreamLoad } from '../support/stream-load.ts';
import { StreamRounds } from '../support/stream-rounds.ts';

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
  });
});
