import { expect } from 'chai';
import { type Figures, type Spread, spreadOf } from '../../bench/harness/figures.ts';
import { workloads } from '../../bench/harness/workloads.ts';
import { figuresIn, figuresOf, withFigures } from '../../bench/peers/markdown.ts';
import type { PeersReport } from '../../bench/peers/report.ts';
import { readme, tableIn } from '../readme/readme.ts';

function figures(contender: string, share: number): Figures {
  const spread: Spread = spreadOf([share]);
  const us = spreadOf([40]);
  return {
    contender,
    p50Us: us,
    p99Us: us,
    callsPerSecond: spreadOf([400_000]),
    megabytesPerSecond: spreadOf([2_000]),
    clientCpuUs: spreadOf([2]),
    serverCpuUs: spreadOf([1.5]),
    share: spread,
    p99Share: spread,
  };
}

const report: PeersReport = {
  machine: { cpu: 'A processor', cores: 2, system: 'linux', node: 'v20', bound: 'unbound' },
  rounds: 5,
  sliceMs: 300,
  workloads: workloads.map((workload) => ({
    workload,
    figures: [
      figures('floor', 1),
      figures('holdfast', 0.9),
      figures('ws-msgpackr', 0.2),
      figures('grpc-js', 0.004),
      figures('ioredis', 0.3),
    ],
  })),
  footprints: [
    {
      contender: 'holdfast',
      bytesPerCall: 144,
      clientBytesPerConnection: 21_700,
      serverBytesPerConnection: 7_000,
      bytesPerOutstandingCall: 597,
    },
  ],
  recoveries: [
    {
      contender: 'holdfast',
      cut: { milliseconds: spreadOf([2.5]), failed: 0 },
      away: { milliseconds: spreadOf([250]), failed: 0 },
      silent: { failed: 29 },
    },
  ],
  startUps: [{ library: 'holdfast', milliseconds: spreadOf([60, 70, 80]), modules: 160 }],
};

describe('the comparison with peers, in README', () => {
  const text = figuresOf(report);

  it('has the shares of the speed, and what the floor takes', () => {
    const rows = tableIn(text, 'share of the floor').slice(0, 5);
    expect(rows.map(([name, first, second]) => [name, first, second])).to.deep.equal([
      ['holdfast', '0.90', '0.90'],
      ['ws-msgpackr', '0.20', '0.20'],
      ['grpc-js', '< 0.01', '< 0.01'],
      ['ioredis', '0.30', '0.30'],
      ['the floor itself', '40 µs', '400 k/s'],
    ]);
  });

  it('says how far ahead holdfast is of the best peer with Node at both ends, and of ioredis', () => {
    expect(text).to.match(/\| holdfast : best with Node at both ends (\| 4\.5 × ){4}\|\n/);
    expect(text).to.match(/\| holdfast : ioredis (\| 3\.0 × ){4}\|\n/);
  });

  it('has what else they cost, and how they recover', () => {
    expect(text).to.include('| holdfast | 2.0 + 1.5 | 144 | 21.7 + 7.0 | 597 | 70 | 160 |');
    expect(text).to.include('| holdfast | 2.5 (0) | 250 (0) | none in 30 s (29) |');
  });

  it('takes the place of what was there before, and of nothing else', () => {
    const next = withFigures(readme, report);
    expect(figuresIn(next)).to.equal(text);
    const [before = '', after = ''] = readme.split(figuresIn(readme));
    expect(next).to.equal(`${before}${text}${after}`);
  });
});
