import { expect } from 'chai';
import { boundBytes, maxOvertaken, StreamLoad } from '../support/stream-load.ts';
import { StreamRounds } from '../support/stream-rounds.ts';

const MiB = 1024 * 1024;

/** What the test of the same name does in a few seconds, at length. */
describe('Streams, at length', () => {
  it('arrive whole, once and in order in 1,000 rounds of cuts at every tenth item', async () => {
    const rounds = new StreamRounds();
    try {
      await rounds.run(1_000);
      console.log(`      ${rounds.cuts} cuts, ${rounds.connections} connections`);
      expect(rounds.connections).to.be.at.least(2_000);
    } finally {
      await rounds.end();
    }
  });

  it('keep no more memory than their windows while 1 GiB goes each way', async () => {
    const load = new StreamLoad(32);
    try {
      await load.start();
      await load.toSlowClient(1024 * MiB);
      console.log(`      to a slow client: at most ${load.mostBytes} bytes were held`);
      expect(load.mostBytes).to.be.below(boundBytes);
      await load.toServer(1024 * MiB);
      console.log(`      to a handler: at most ${load.mostBytes} bytes were held`);
      expect(load.mostBytes).to.be.below(boundBytes);
    } finally {
      await load.end();
    }
  });

  it('are overtaken by small calls while 1 GiB is on its way', async () => {
    const load = new StreamLoad();
    try {
      await load.start();
      const waits = await load.overtake(1024 * MiB, 512);
      waits.sort((one, other) => one - other);
      const [median, most] = [waits[waits.length >> 1], waits.at(-1)];
      console.log(
        `      items of 64 KiB between a call and its answer: ${median}, at most ${most}`,
      );
      expect(most).to.be.at.most(maxOvertaken);
    } finally {
      await load.end();
    }
  });
});
