import { expect } from 'chai';
import { codeOf } from '../../lib/errors.ts';
import type { Listening } from '../../lib/index.ts';
import { seededBytes, settled, writeAll, writeOnce } from '../support/recorder.ts';
import type { Bench } from './medium-contract.ts';

/** The contract of dialling and of listening. */
export function describeListener(benchOf: () => Bench): void {
  describe('dialling and listening', () => {
    let bench: Bench;
    let listening: Listening;

    beforeEach(async () => {
      bench = benchOf();
      listening = await bench.listen();
    });

    it('names its address, and what was dialled there says who the far end is', async () => {
      const { setup } = bench;
      expect(setup.mediumFor(listening.url).address).to.equal(listening.url);
      const { near, far } = await bench.open(listening.url);
      const scheme = listening.url.slice(0, listening.url.indexOf(':'));
      expect(near.channel.peer.medium).to.equal(scheme);
      expect(far.channel.peer.medium).to.equal(scheme);
      expect(listening.url).to.include(near.channel.peer.address);
    });

    it('refuses a second listener at its address', async () => {
      const error = await bench.listen(bench.setup.listenerAt(listening.url)).catch((e) => e);
      expect(codeOf(error)).to.equal('ERR_HOLDFAST_LISTEN');
      expect(error).to.have.property('final', true);
      expect(error.message).to.include(listening.url);
      const { near, far } = await bench.open(listening.url);
      await writeOnce(near.channel, Buffer.from('the first still listens'));
      await far.take(23);
    });

    it('takes no new connections when it is closed, and those that it took live on', async () => {
      const { near, far } = await bench.open(listening.url);
      await listening.close();
      await expectRefused(listening.url);
      const bytes = seededBytes(1, 200_000);
      await Promise.all([
        writeAll(near.channel, bytes),
        writeAll(far.channel, bytes),
        near.take(bytes.length),
        far.take(bytes.length),
      ]);
      expect(near.bytes.equals(bytes) && far.bytes.equals(bytes)).to.equal(true);
    });

    it('leaves the address free when it is closed, also with connections that live on', async () => {
      const old = await bench.open(listening.url);
      await listening.close();
      const again = await bench.listen(bench.setup.listenerAt(listening.url));
      expect(again.url).to.equal(listening.url);
      // Closing twice must not take the address away from the one who has it now.
      await listening.close();
      const { near, far } = await bench.open(again.url);
      await writeOnce(near.channel, Buffer.from('new'));
      expect((await far.take(3)).toString()).to.equal('new');
      await writeOnce(old.near.channel, Buffer.from('old'));
      expect((await old.far.take(3)).toString()).to.equal('old');
    });

    it('rejects with a code when nobody listens', async () => {
      await listening.close();
      await expectRefused(listening.url);
    });

    for (const when of ['before it begins', 'in its midst'] as const) {
      it(`gives a dial up that is aborted ${when}, with the reason, and leaves nothing open`, async () => {
        const abort = new AbortController();
        const reason = new Error('changed my mind');
        if (when === 'before it begins') abort.abort(reason);
        const dialling = bench.dial(listening.url, abort.signal).catch((error) => error);
        abort.abort(reason);
        expect(await dialling).to.equal(reason);
        // What the listener may have been handed before the abort must end by itself.
        await settled(() => bench.accepted.length);
        await Promise.all(bench.accepted.map(({ closed }) => closed));
      });
    }

    it('is not disturbed by a signal that aborts when the dial is done', async () => {
      const abort = new AbortController();
      const channel = await bench.dial(listening.url, abort.signal);
      abort.abort(new Error('too late'));
      await bench.acceptedCount(1);
      await writeOnce(channel, Buffer.from('still open'));
      await bench.accepted[0]?.take(10);
      expect(channel.dead).to.equal(false);
    });

    it('takes many connections that come at once', async () => {
      const dials = Array.from({ length: 50 }, () => bench.dial(listening.url));
      const channels = await Promise.all(dials);
      await bench.acceptedCount(50);
      expect(channels.some(({ dead }) => dead)).to.equal(false);
    });

    async function expectRefused(url: string): Promise<void> {
      const error = await bench.dial(url).catch((e) => e);
      expect(codeOf(error)).to.be.oneOf([...bench.setup.refusedCodes]);
    }
  });
}
