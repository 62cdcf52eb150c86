import { type Spread, spreadOf } from '../harness/figures.ts';
import { layOut, ratio, withSpread } from '../harness/report.ts';
import type { Slice, Slices } from '../harness/rounds.ts';
import type { Workload } from '../harness/workloads.ts';

/** What recording costs in one workload. Shares are of calls that are not recorded, 1 is no cost. */
export interface RecordingCost {
  readonly workload: Workload;
  /** Microseconds for latencies, calls a second for rates. */
  readonly read: Spread;
  readonly mutate: Spread;
  /** Of the speed, round by round and pair by pair. */
  readonly speedShare: Spread;
  /** The middle half of those. */
  readonly middle: readonly [number, number];
  /** Of the processor time that a call takes in both processes: steadier than the speed. */
  readonly cpuShare: Spread;
}

/** Sums up the slices of all pairs of processes. */
export function recordingCosts(
  pairs: readonly Slices[],
  workloads: readonly Workload[],
): RecordingCost[] {
  return workloads.map((workload) => {
    const slices = (name: string): Slice[] =>
      pairs.flatMap((pair) => pair.get(workload)?.get(name) ?? []);
    const read = slices('read');
    const mutate = slices('mutate');
    const isLatency = workload.comparedBy === 'latency';
    const figure = (slice: Slice): number => (isLatency ? slice.p50Us : slice.callsPerSecond);
    const shares = read.map((base, at) => {
      const own = figure(mutate[at]!) / figure(base);
      return isLatency ? 1 / own : own;
    });
    const sorted = shares.toSorted((a, b) => a - b);
    return {
      workload,
      read: spreadOf(read.map(figure)),
      mutate: spreadOf(mutate.map(figure)),
      speedShare: spreadOf(shares),
      middle: [
        sorted[Math.floor(sorted.length / 4)]!,
        sorted[Math.ceil((sorted.length * 3) / 4) - 1]!,
      ],
      cpuShare: spreadOf(read.map((base, at) => cpuUs(base) / cpuUs(mutate[at]!))),
    };
  });
}

/** One table, a row for each workload. */
export function costTable(costs: readonly RecordingCost[], target: number): string {
  const head = [
    'recorded against not recorded',
    'read',
    'mutate',
    'share of speed',
    'middle half',
    'share of CPU',
    `${target} or more`,
  ];
  const rows = costs.map(({ workload, read, mutate, speedShare, middle, cpuShare }) => {
    const show = (value: number): string =>
      workload.comparedBy === 'latency'
        ? `${value.toFixed(1)} us`
        : `${(value / 1000).toFixed(1)}k/s`;
    return [
      workload.title,
      show(read.median),
      show(mutate.median),
      withSpread(speedShare, ratio),
      middle.map(ratio).join('..'),
      ratio(cpuShare.median),
      speedShare.median >= target ? 'met' : 'missed',
    ];
  });
  return layOut([head, ...rows]);
}

function cpuUs({ clientCpuUs, serverCpuUs = 0 }: Slice): number {
  return clientCpuUs + serverCpuUs;
}
