import { spreadOf } from '../harness/figures.ts';
import type { Shares } from './record.ts';

/** A workload, and whether it has become slower. */
export interface Judged {
  readonly workload: string;
  /** Median of what was recorded. */
  readonly recorded: number;
  /** Below this it is slower. */
  readonly least: number;
  /** What was measured now; again where the first was below. */
  readonly tries: readonly number[];
  readonly isSlower: boolean;
}

/** Measures workloads by their names; gives the shares in the same order. */
export type Measure = (workloads: readonly string[]) => Promise<readonly number[]>;

/** The recorded runs went so far below their median; twice that is no news. */
const spreads = 2;
/** With more than this a loss would never be seen. */
const mostTolerance = 0.5;

/** The share below which a workload has become slower. */
export function leastOf(recorded: readonly number[], leastTolerance: number): number {
  const { median, lowest } = spreadOf(recorded);
  const spread = (spreads * (median - lowest)) / median;
  return median * (1 - Math.max(leastTolerance, Math.min(spread, mostTolerance)));
}

/**
 * Compares with what was recorded. What seems to be slower is measured a second time, in other
 * processes: it is slower only when it is so in both.
 */
export async function guard(
  shares: Shares,
  leastTolerance: number,
  measure: Measure,
): Promise<Judged[]> {
  const names = Object.keys(shares);
  const leasts = names.map((name) => leastOf(shares[name] ?? [], leastTolerance));
  const isBelow = (index: number, share: number): boolean => share < (leasts[index] ?? 0);
  const first = await measure(names);
  const below = names.filter((_, index) => isBelow(index, first[index] ?? 0));
  const second = below.length === 0 ? [] : await measure(below);
  return names.map((workload, index) => {
    const again = second[below.indexOf(workload)];
    const tries = [first[index] ?? 0, ...(again === undefined ? [] : [again])];
    return {
      workload,
      recorded: spreadOf(shares[workload] ?? []).median,
      least: leasts[index] ?? 0,
      tries,
      isSlower: tries.every((share) => isBelow(index, share)),
    };
  });
}
