/**
 * The demonstration of "How we designed retries in Linkerd 2.2": a verb that fails half of the time,
 * called without retries, with those of the default budget, with as many as it takes because the
 * server publishes that the verb bears them, and with a time-out of 25 ms besides. The figures are those of `client.routes()`. Exit code 1 if they do not
 * show what they should.
 *
 * Usage, after `npm run build && tsc -p bench`:
 *
 *     node .bench/routes/run.js [--seed N]
 *
 *     --seed N   repeats what fails, and how long it takes
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type Outcome, type PhaseName, phases, play } from './phases.ts';
import { problemsOf } from './reckoning.ts';
import { price, report } from './report.ts';

/** A run that is not over by then hangs, and that is a failure too. */
const maxRunMs = 60_000;

/** How long calls are made in each phase. */
const phaseMs = 5_000;

const { values } = parseArgs({ options: { seed: { type: 'string' } } });
const seed = values.seed === undefined ? randomInt(1, 1_000_000) : Number(values.seed);
if (!Number.isSafeInteger(seed) || seed < 0) {
  throw new RangeError(`--seed must be a whole number from 0, not ${values.seed}`);
}

setTimeout(() => {
  console.error(`The demonstration did not end within ${maxRunMs / 1_000} s (seed ${seed})`);
  process.exit(1);
}, maxRunMs).unref();

const names = Object.keys(phases) as PhaseName[];
console.log(
  `Half of the attempts at "head" fail; ${phaseMs / 1_000} s of calls in each of ${names.length} ways (seed ${seed})\n`,
);
const outcomes = {} as Record<PhaseName, Outcome>;
for (const name of names) outcomes[name] = await play(phases[name], seed, phaseMs);
console.log(`${report(outcomes)}\n\n${price(outcomes)}`);

const problems = problemsOf(outcomes);
for (const problem of problems) console.log(`! Does not hold: ${problem}`);
if (problems.length === 0) console.log('\nEverything adds up');
process.exitCode = problems.length === 0 ? 0 : 1;
