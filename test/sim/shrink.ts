import type { Plan } from './plan.ts';
import { simulate } from './simulation.ts';

/** A smaller plan that breaks the same promise, and what was left out. */
export interface Shrunk {
  readonly plan: Plan;
  readonly runs: number;
}

/**
 * Makes a run that breaks a promise smaller: leaves out faults and calls, half of them at a time and
 * then fewer and fewer (Zeller's delta debugging), as long as the same promise is still broken.
 */
export async function shrink(plan: Plan, promise: string, maxRuns = 400): Promise<Shrunk> {
  let runs = 0;
  const isBroken = async (smaller: Plan): Promise<boolean> => {
    runs++;
    const { violations } = await simulate(smaller);
    return violations.some((violation) => violation.promise === promise);
  };
  let best = plan;
  for (let size = Number.POSITIVE_INFINITY; sizeOf(best) < size && runs < maxRuns; ) {
    size = sizeOf(best);
    best = await without(best, 'faults', isBroken, () => runs < maxRuns);
    best = await without(best, 'calls', isBroken, () => runs < maxRuns);
    best = await shortened(best, isBroken);
  }
  return { plan: best, runs };
}

function sizeOf({ faults, calls }: Plan): number {
  return faults.length + calls.length;
}

/** Leaves out as many rows of a list as can be spared. */
async function without(
  plan: Plan,
  list: 'faults' | 'calls',
  isBroken: (plan: Plan) => Promise<boolean>,
  mayGoOn: () => boolean,
): Promise<Plan> {
  let best = plan;
  for (let share = best[list].length; share >= 1; share = Math.floor(share / 2)) {
    for (let start = 0; start < best[list].length && mayGoOn(); ) {
      const rows: readonly { readonly id: number }[] = best[list];
      const left = [...rows.slice(0, start), ...rows.slice(start + share)];
      const smaller = { ...best, [list]: left } as Plan;
      if (await isBroken(smaller)) best = smaller;
      else start += share;
    }
  }
  return best;
}

/** Ends soon after the last thing happens. */
async function shortened(plan: Plan, isBroken: (plan: Plan) => Promise<boolean>): Promise<Plan> {
  const last = Math.max(0, ...[...plan.calls, ...plan.faults].map(({ at }) => at));
  const smaller = { ...plan, endMs: Math.min(plan.endMs, last + 1_000) };
  return smaller.endMs < plan.endMs && (await isBroken(smaller)) ? smaller : plan;
}
