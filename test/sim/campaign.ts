import { planOf, type RunKind } from './generate.ts';
import { type Outcome, simulate } from './simulation.ts';

/** What many runs came to. */
export interface Tally {
  runs: number;
  calls: number;
  executions: number;
  simulatedHours: number;
  /** The first of them, with what they break. */
  readonly failures: { readonly seed: number; readonly promise: string; readonly what: string }[];
}

/** How many seeds are run. */
export interface Campaign {
  readonly first: number;
  /** From one seed to the next. */
  readonly step: number;
  /** Only runs of this kind. */
  readonly kind?: RunKind | undefined;
  /** True when it is enough. */
  isOver(tally: Tally): boolean;
  /** Called behind each run. */
  onRun?(tally: Tally): void;
}

/** Runs one seed after another. */
export async function run({ first, step, kind, isOver, onRun }: Campaign): Promise<Tally> {
  const tally: Tally = { runs: 0, calls: 0, executions: 0, simulatedHours: 0, failures: [] };
  for (let seed = first; !isOver(tally); seed += step) {
    const outcome = await simulate(planOf(seed, kind));
    add(tally, seed, outcome);
    onRun?.(tally);
  }
  return tally;
}

function add(tally: Tally, seed: number, outcome: Outcome): void {
  tally.runs++;
  tally.calls += outcome.calls;
  tally.executions += outcome.executions;
  tally.simulatedHours += outcome.minutes / 60;
  const [first] = outcome.violations;
  if (first !== undefined) tally.failures.push({ seed, ...first });
}

/** The sum of what several processes did. */
export function sumOf(tallies: readonly Tally[]): Tally {
  const sum: Tally = { runs: 0, calls: 0, executions: 0, simulatedHours: 0, failures: [] };
  for (const { runs, calls, executions, simulatedHours, failures } of tallies) {
    sum.runs += runs;
    sum.calls += calls;
    sum.executions += executions;
    sum.simulatedHours += simulatedHours;
    sum.failures.push(...failures);
  }
  return sum;
}
