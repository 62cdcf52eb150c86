import { spreadOf } from '../harness/figures.ts';
import type { Shares } from './record.ts';

/** A workload, and whether it has become slower. */
export interface Judged {
  readonly workload: string;
  /** Median of what was recorded. */
  readonly recorded: number;
  /** Below this it is slower. */
  readonly least: number;
  /** What was measured now; more than once where the first was below. */
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
 * Compares with what was recorded. What seems to be slower is measured again, in other processes: it
 * is slower only when it is so in each of `maxTries`.
 */
export async function guard(
  shares: Shares,
  { leastTolerance, maxTries }: { readonly leastTolerance: number; readonly maxTries: number },
  measure: Measure,
): Promise<Judged[]> {
  const all = Object.entries(shares).map(([workload, recorded]) => ({
    workload,
    recorded: spreadOf(recorded).median,
    least: leastOf(recorded, leastTolerance),
    tries: [] as number[],
    isSlower: true,
  }));
  for (let round = 0; round < maxTries; round++) {
    const open = all.filter(({ isSlower }) => isSlower);
    if (open.length === 0) break;
    const measured = await measure(open.map(({ workload }) => workload));
    for (const [index, judged] of open.entries()) {
      const share = measured[index] ?? 0;
      judged.tries.push(share);
      judged.isSlower = share < judged.least;
    }
  }
  return all;
}
