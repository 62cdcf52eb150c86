import { expect } from 'chai';
import { codeOf } from '../../lib/errors.ts';
import type { Channel } from '../../lib/index.ts';
import { Recorder, seededBytes, settled, writeAll, writeOnce } from '../support/recorder.ts';
import { until } from '../support/road.ts';
import type { Bench, Ends } from './medium-contract.ts';

/** More than any kernel keeps on the way between two sockets of one machine by default. */
const manyBytes = 64 * 1024 * 1024;

/** The contract of one open channel. */
export function describeChannel(benchOf: () => Bench): void {
  describe('a channel', () => {
    let bench: Bench;
    let url: string;
    let near: Recorder;
    let far: Recorder;

    beforeEach(async () => {
      bench = benchOf();
      ({ url } = await bench.listen());
      ({ near, far } = await bench.open(url));
    });

    afterEach(() => {
      for (const { late, closings } of [near, far]) {
        expect(late, 'chunks after onClosed').to.equal(0);
        expect(closings, 'calls of onClosed').to.be.at.most(1);
      }
    });

    for (const byteLength of [1, 65_537, 5_000_000]) {
      it(`carries ${byteLength} bytes both ways at once, intact and in order`, async () => {
        const there = seededBytes(1, byteLength);
        const back = seededBytes(2, byteLength);
        await Promise.all([
          writeAll(near.channel, there),
          writeAll(far.channel, back),
          near.take(byteLength),
          far.take(byteLength),
        ]);
        expect(far.bytes.equals(there)).to.equal(true);
        expect(near.bytes.equals(back)).to.equal(true);
      });
    }

    it('joins the parts of a write in their order, however small', async () => {
      const bytes = seededBytes(3, 1_000);
      const parts = [0, 1, 2, 10, 500, 999].map((from, index, all) =>
        bytes.subarray(from, all[index + 1] ?? bytes.length),
      );
      expect(await writeOnce(near.channel, ...parts)).to.equal(true);
      expect((await far.take(bytes.length)).equals(bytes)).to.equal(true);
    });

    it('lets the writer use its memory again as soon as the bytes are taken', async () => {
      const memory = Buffer.alloc(1_000, 'a');
      await writeOnce(near.channel, memory);
      memory.fill('b');
      await writeOnce(near.channel, memory);
      const got = (await far.take(2_000)).toString();
      expect(got).to.equal('a'.repeat(1_000) + 'b'.repeat(1_000));
    });

    it('closes both ends without a cause after an orderly end', async () => {
      expect(near.channel.dead || far.channel.dead).to.equal(false);
      near.channel.close();
      expect(await far.closed).to.equal(undefined);
      expect(far.channel.dead).to.equal(true);
      expect(await near.closed).to.equal(undefined);
      expect(near.channel.dead).to.equal(true);
      await settled(() => near.closings + far.closings);
      expect([near.closings, far.closings]).to.deep.equal([1, 1]);
    });

    it('sends what was written before it closes', async () => {
      const bytes = seededBytes(4, 3_000_000);
      const reports: boolean[] = [];
      near.channel.write([bytes], (possibly) => reports.push(possibly));
      near.channel.close();
      await far.closed;
      expect(far.bytes.equals(bytes)).to.equal(true);
      expect(reports).to.satisfy((all: boolean[]) => all.length <= 1 && !all.includes(false));
    });

    it('ends at once when it is destroyed, although the far side does not read', async () => {
      far.channel.pause();
      const bytes = seededBytes(5, 16 * 1024 * 1024);
      let reported = 0;
      near.channel.write([bytes], () => reported++);
      near.channel.destroy();
      expect(near.channel.dead).to.equal(true);
      await near.closed;
      const before = reported;
      far.channel.resume();
      await far.closed;
      expect(bytes.subarray(0, far.byteLength).equals(far.bytes)).to.equal(true);
      await settled(() => reported + near.closings);
      expect(reported, 'reports of the write after onClosed').to.equal(before);
      expect(before).to.be.at.most(1);
    });

    it('delivers nothing any more once its user has destroyed it', async () => {
      let after = 0;
      let isDestroyed = false;
      far.onChunk = () => {
        if (isDestroyed) after++;
        isDestroyed = true;
        far.channel.destroy();
      };
      near.channel.write([seededBytes(6, 1_000_000)], () => {});
      await Promise.all([far.closed, near.closed]);
      expect(after).to.equal(0);
    });

    it('says why it closed after a reset, where that can be known', async () => {
      const { resetCode } = bench.setup;
      far.channel.pause();
      await writeOnce(near.channel, Buffer.from('never read'));
      // Closing with unread bytes is a reset on every socket.
      far.channel.destroy();
      const cause = await near.closed;
      expect(near.channel.dead).to.equal(true);
      expect(cause && codeOf(cause)).to.be.oneOf([resetCode].flat());
    });

    it('takes the end of the far side as the end, also in the midst of writing to it', async () => {
      near.channel.pause();
      let taken = 0;
      const write = (): void => {
        far.channel.write([Buffer.alloc(65_536)], (possibly) => {
          if (possibly && ++taken < 2_000) write();
        });
      };
      write();
      await settled(() => taken);
      near.channel.close();
      await far.closed;
      expect(far.channel.dead).to.equal(true);
    });

    it('sends nothing that is written after the end is known', async () => {
      near.channel.close();
      await far.closed;
      const reports: boolean[] = [];
      far.channel.write([Buffer.from('too late')], (possibly) => reports.push(possibly));
      await near.closed;
      await settled(() => reports.length);
      expect(near.byteLength).to.equal(0);
      expect(reports).to.satisfy((all: boolean[]) => all.length <= 1 && !all.includes(true));
    });

    it('sends nothing that is written after its own close or destroy', async () => {
      near.channel.close();
      near.channel.write([Buffer.from('too late')], (possibly) => expect(possibly).to.equal(false));
      near.channel.destroy();
      near.channel.write([Buffer.from('too late')], (possibly) => expect(possibly).to.equal(false));
      await far.closed;
      expect(far.byteLength).to.equal(0);
    });

    it('tells its user once that it is closed, also when it died before it was started', async () => {
      const channel: Channel = await bench.dial(url);
      channel.destroy();
      const user = new Recorder(channel);
      expect(await user.closed).to.equal(undefined);
      await settled(() => user.closings);
      expect(user.closings).to.equal(1);
    });

    it('reports a write before it says that it is closed, also one made as the last bytes come', async () => {
      const reports: number[] = [];
      near.onChunk = () => {
        near.channel.write([Buffer.from('reply')], () => reports.push(near.closings));
      };
      far.channel.write([Buffer.from('goodbye')], () => far.channel.close());
      await near.closed;
      await settled(() => reports.length);
      expect(reports).to.satisfy((all: number[]) => all.every((closings) => closings === 0));
    });

    it('holds bytes back while it is paused and loses none of them', async () => {
      const bytes = seededBytes(7, manyBytes);
      let atPause = 0;
      far.onChunk = (chunk) => {
        if (atPause > 0) return;
        far.channel.pause();
        atPause = far.byteLength + chunk.length;
      };
      let taken = 0;
      const writing = (async () => {
        for (let at = 0; at < bytes.length; at += 65_536) {
          await writeOnce(near.channel, bytes.subarray(at, at + 65_536));
          taken = at + 65_536;
        }
      })();
      // Whoever hands the bytes on is a process of its own on some media, and has its turn late.
      await until(() => atPause > 0);
      await settled(() => taken + far.byteLength);
      expect(far.byteLength, 'bytes delivered while paused').to.equal(atPause);
      expect(taken, 'bytes taken for a reader that does not read').to.be.below(bytes.length / 2);
      far.channel.resume();
      await writing;
      expect((await far.take(bytes.length)).equals(bytes)).to.equal(true);
    });

    it('delivers what it held back, then the end', async () => {
      far.channel.pause();
      const bytes = seededBytes(8, 100_000);
      await writeOnce(near.channel, bytes);
      near.channel.close();
      await settled(() => far.byteLength + far.closings);
      expect([far.byteLength, far.closings]).to.deep.equal([0, 0]);
      far.channel.resume();
      expect(await far.closed).to.equal(undefined);
      expect(far.bytes.equals(bytes)).to.equal(true);
    });

    it("reads into its user's memory where the user gives some", async () => {
      const bytes = seededBytes(9, 1_000_000);
      const memory = Buffer.alloc(bytes.length);
      let placed = 0;
      near.place = () => (placed < memory.length ? memory.subarray(placed) : undefined);
      near.onChunk = (chunk) => {
        if (chunk.buffer !== memory.buffer) return;
        expect(chunk.byteOffset - memory.byteOffset).to.equal(placed);
        placed += chunk.length;
      };
      // The first read was begun before there was a place.
      await writeOnce(far.channel, Buffer.from('x'));
      await near.take(1);
      await writeAll(far.channel, bytes);
      const got = (await near.take(1 + bytes.length)).subarray(1);
      expect(got.equals(bytes)).to.equal(true);
      if (!bench.setup.readsInto) return;
      expect(placed).to.equal(bytes.length);
      expect(memory.equals(bytes)).to.equal(true);
    });

    it('does not keep the process alive unless it is told to', async () => {
      const alive = (): number => process.getActiveResourcesInfo().filter(isHandle).length;
      const before = alive();
      near.channel.ref();
      const held = alive();
      near.channel.unref();
      expect(alive()).to.equal(before);
      expect(held - before).to.be.oneOf([0, 1]);
    });

    it('does not mix with other channels', async () => {
      const all: Ends[] = [];
      for (let index = 0; index < 10; index++) all.push(await bench.open(url));
      await Promise.all(
        all.map(async (one, index) => {
          const there = seededBytes(100 + index, 300_000);
          const back = seededBytes(200 + index, 300_000);
          await Promise.all([
            writeAll(one.near.channel, there, 10_000 + index),
            writeAll(one.far.channel, back, 20_000 + index),
            one.near.take(back.length),
            one.far.take(there.length),
          ]);
          expect(one.far.bytes.equals(there), `channel ${index} there`).to.equal(true);
          expect(one.near.bytes.equals(back), `channel ${index} back`).to.equal(true);
        }),
      );
    });
  });
}

function isHandle(kind: string): boolean {
  return kind.endsWith('Wrap');
}
