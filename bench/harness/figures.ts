import { calls } from '../contender.ts';
import type { Slice, Slices } from './rounds.ts';
import type { Workload } from './workloads.ts';

/** The median of a figure over the rounds, and how far it went. */
export interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

/** One contender's figures for one workload. */
export interface Figures {
  readonly contender: string;
  readonly p50Us: Spread;
  readonly p99Us: Spread;
  readonly callsPerSecond: Spread;
  readonly megabytesPerSecond: Spread;
  readonly clientCpuUs: Spread;
  readonly serverCpuUs: Spread | undefined;
  /** Speed as a share of the floor's, higher is better; taken round by round. */
  readonly share: Spread | undefined;
  /** The same of the 99th percentile of latency. */
  readonly p99Share: Spread | undefined;
}

/** All contenders' figures for one workload. */
export interface WorkloadFigures {
  readonly workload: Workload;
  readonly figures: readonly Figures[];
}

/** The contender that the others are compared with. */
export const floorName = 'floor';

/** Sums up the slices of all rounds. */
export function sumUp(slices: Slices): WorkloadFigures[] {
  return [...slices].map(([workload, byName]) => {
    const floor = byName.get(floorName);
    const figures = [...byName].map(([name, own]) => figuresOf(name, workload, own, floor));
    return { workload, figures };
  });
}

function figuresOf(
  contender: string,
  workload: Workload,
  own: readonly Slice[],
  floor: readonly Slice[] | undefined,
): Figures {
  const over = (figure: (slice: Slice) => number): Spread => spreadOf(own.map(figure));
  const against = (ratio: (slice: Slice, floor: Slice) => number): Spread | undefined =>
    floor && spreadOf(own.map((slice, round) => ratio(slice, floor[round]!)));
  return {
    contender,
    p50Us: over((slice) => slice.p50Us),
    p99Us: over((slice) => slice.p99Us),
    callsPerSecond: over((slice) => slice.callsPerSecond),
    megabytesPerSecond: over((slice) => (slice.callsPerSecond * bytesOf(workload)) / 1e6),
    clientCpuUs: over((slice) => slice.clientCpuUs),
    serverCpuUs: own.some((slice) => slice.serverCpuUs === undefined)
      ? undefined
      : over((slice) => slice.serverCpuUs ?? 0),
    share: against((slice, base) =>
      workload.comparedBy === 'latency'
        ? base.p50Us / slice.p50Us
        : slice.callsPerSecond / base.callsPerSecond,
    ),
    p99Share: against((slice, base) => base.p99Us / slice.p99Us),
  };
}

/** The median of values and how far they go. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted.length >> 1;
  const lower = (sorted.length - 1) >> 1;
  return {
    median: (sorted[lower]! + sorted[upper]!) / 2,
    lowest: sorted[0]!,
    highest: sorted.at(-1)!,
  };
}

/** Bytes of content that a call moves, both ways. */
function bytesOf({ kind }: Workload): number {
  const { argument, reply } = calls[kind];
  return [argument, reply].reduce<number>(
    (sum, value) => sum + (Buffer.isBuffer(value) ? value.length : 0),
    0,
  );
}
