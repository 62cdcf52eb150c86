import { expect } from 'chai';
import { choose, count } from '../../bench/harness/options.ts';
import type { Slice, Slices } from '../../bench/harness/rounds.ts';
import { workloads } from '../../bench/harness/workloads.ts';
import { pathFigures, recoveryTables } from '../../bench/recovery/report.ts';
import type { Sample } from '../../bench/recovery/samples.ts';
import { costTable, recordingCosts } from '../../bench/sessions/report.ts';

const [sequential, outstanding] = workloads as [
  (typeof workloads)[number],
  (typeof workloads)[number],
];

function slice(callsPerSecond: number, p50Us: number, cpuUs: number): Slice {
  return { callsPerSecond, p50Us, p99Us: p50Us, clientCpuUs: cpuUs, serverCpuUs: cpuUs };
}

function recovered(replyUs: number): Sample {
  return { seenUs: 10, openUs: 30, replyUs };
}

describe('benchmark reports', () => {
  it('compare a recovery with the floor of the same round, in round trips', () => {
    const { roundTripUs, rows } = pathFigures('tcp', {
      floor: [recovered(100), recovered(1_000), recovered(200)],
      read: [recovered(140), recovered(1_040), recovered(240)],
      mutate: [recovered(110), recovered(1_010), recovered(210)],
      roundTripUs: [20, 20, 20],
    });
    expect(roundTripUs.p50).to.equal(20);
    expect(rows.map(({ moreUs }) => moreUs.p50)).to.deep.equal([0, 40, 10]);
    expect(rows.map(({ moreRoundTrips }) => moreRoundTrips)).to.deep.equal([0, 2, 0.5]);
    expect(rows[0]).to.deep.include({ openUs: { p50: 20, p95: 20 } });
  });

  it('say which recovery takes more than one round trip more', () => {
    const figures = pathFigures('tcp', {
      floor: [recovered(100)],
      read: [recovered(140)],
      mutate: [recovered(110)],
      roundTripUs: [20],
    });
    const [, , floor, read, mutate] = recoveryTables([figures]).split('\n');
    expect(floor).to.match(/^floor.* -$/);
    expect(read).to.match(/^holdfast, a read pending.* missed$/);
    expect(mutate).to.match(/^holdfast, a mutate pending.* met$/);
  });

  it('give the share of speed that recording leaves, higher is better also for latencies', () => {
    const pair: Slices = new Map([
      [
        sequential,
        new Map([
          ['read', [slice(1, 10, 4)]],
          ['mutate', [slice(1, 12.5, 5)]],
        ]),
      ],
      [
        outstanding,
        new Map([
          ['read', [slice(1_000, 1, 4)]],
          ['mutate', [slice(980, 1, 4)]],
        ]),
      ],
    ]);
    const costs = recordingCosts([pair], [sequential, outstanding]);
    expect(costs.map(({ speedShare }) => speedShare.median)).to.deep.equal([0.8, 0.98]);
    expect(costs.map(({ cpuShare }) => cpuShare.median)).to.deep.equal([0.8, 1]);
    const [, , first, second] = costTable(costs, 0.95).split('\n');
    expect(first).to.match(/missed$/);
    expect(second).to.match(/met$/);
  });

  it('refuse an option that they do not know, and name those that they do', () => {
    expect(choose('media', undefined, ['tcp', 'unix'], String)).to.deep.equal(['tcp', 'unix']);
    expect(choose('media', 'unix', ['tcp', 'unix'], String)).to.deep.equal(['unix']);
    expect(() => choose('media', 'udp', ['tcp', 'unix'], String)).to.throw(
      RangeError,
      '--media must be some of tcp, unix, not udp',
    );
    expect(() => count('rounds', '0')).to.throw(RangeError, '--rounds must be a whole number');
  });
});
