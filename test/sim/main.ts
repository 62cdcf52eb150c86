/**
 * Hunts for broken promises.
 *
 *     npm run sim [-- --seed N] [--minutes M] [--hours H] [--runs R] [--first N] [--lanes L] [--kind K] [--trace] [--whole]
 *
 *     --seed N      only this run: says what it breaks, makes it small and prints its trace
 *     --trace       with --seed: prints the whole trace, whether anything is broken or not
 *     --whole       makes nothing small
 *     --minutes M   for so long, by the clock on the wall (default 1)
 *     --hours H     until so many simulated hours have passed
 *     --runs R      so many runs
 *     --first N     the first seed (default: taken from the time of day)
 *     --kind K      only runs of this kind; a seed stands for another run then
 *     --enough N    stop when so many runs have broken a promise (default 20)
 *     --lanes L     processes that work at the same time (default 2)
 *
 * Exit code 1 if a promise was broken; the first such run is made small and printed.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run, sumOf, type Tally } from './campaign.ts';
import { planOf, type RunKind, runKinds } from './generate.ts';
import { report, summary } from './report.ts';
import { simulate, tellUncaught } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    whole: { type: 'boolean', default: false },
    minutes: { type: 'string' },
    hours: { type: 'string' },
    runs: { type: 'string' },
    first: { type: 'string' },
    lanes: { type: 'string', default: '2' },
    lane: { type: 'string' },
    kind: { type: 'string' },
    enough: { type: 'string', default: '20' },
  },
});

type NumberOption = 'seed' | 'minutes' | 'hours' | 'runs' | 'first' | 'lanes' | 'lane' | 'enough';

function numberOf(name: NumberOption): number {
  const number = Number(values[name]);
  if (!Number.isFinite(number) || number < 0) {
    throw new RangeError(`--${name} must be a number from 0, not ${values[name]}`);
  }
  return number;
}

function kindGiven(): RunKind | undefined {
  const kind = runKinds.find((name) => name === values.kind);
  if (values.kind === undefined || kind !== undefined) return kind;
  throw new RangeError(`--kind must be one of ${runKinds.join(', ')}, not ${values.kind}`);
}

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    if (tellUncaught(error)) return;
    console.error(error);
    process.exit(2);
  });
}

if (values.seed !== undefined) await one(numberOf('seed'));
else if (values.lane !== undefined) process.send?.(await lane(numberOf('lane')));
else await all();

async function one(seed: number): Promise<void> {
  if (values.trace) {
    const { trace, violations } = await simulate(planOf(seed, kindGiven()), true);
    for (const line of trace) console.log(line);
    for (const { promise, what } of violations) console.log(`${promise}: ${what}`);
    process.exitCode = violations.length === 0 ? 0 : 1;
    return;
  }
  const text = await report(seed, !values.whole, kindGiven());
  console.log(text);
  process.exitCode = text.endsWith('breaks no promise') ? 0 : 1;
}

/** What one process does. */
function lane(index: number): Promise<Tally> {
  const [lanes, enough] = [numberOf('lanes'), numberOf('enough')];
  const limits = {
    until:
      values.minutes === undefined && (values.hours ?? values.runs) !== undefined
        ? Number.POSITIVE_INFINITY
        : performance.now() + Number(values.minutes ?? 1) * 60_000,
    hours: values.hours === undefined ? Number.POSITIVE_INFINITY : numberOf('hours') / lanes,
    runs: values.runs === undefined ? Number.POSITIVE_INFINITY : numberOf('runs') / lanes,
  };
  return run({
    first: numberOf('first') + index,
    step: lanes,
    kind: kindGiven(),
    isOver: ({ runs, simulatedHours, failures }) =>
      runs >= limits.runs ||
      simulatedHours >= limits.hours ||
      failures.length >= enough ||
      performance.now() > limits.until,
  });
}

async function all(): Promise<void> {
  const first = values.first === undefined ? Date.now() % 1_000_000_000 : numberOf('first');
  const lanes = Math.max(1, numberOf('lanes'));
  console.log(`Seeds from ${first} on`);
  const startedAt = performance.now();
  const tally = sumOf(
    await Promise.all(Array.from({ length: lanes }, (_, index) => inLane(index, first))),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  console.log(`${summary(tally)} (${seconds.toFixed(0)} s)`);
  tally.failures.sort((one, other) => one.seed - other.seed);
  for (const { seed, promise, what } of tally.failures)
    console.log(`  ${seed} ${promise}: ${what}`);
  const [worst] = tally.failures;
  if (worst === undefined) return;
  process.exitCode = 1;
  if (values.whole) return;
  console.log(`\n${await report(worst.seed, true, kindGiven())}`);
}

async function inLane(index: number, first: number): Promise<Tally> {
  const given = process.argv.slice(2);
  const child = fork(fileURLToPath(import.meta.url), [
    ...given,
    `--lane=${index}`,
    `--first=${first}`,
  ]);
  const [tally] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`A lane ended with ${code}`);
    }),
  ])) as [Tally];
  child.disconnect();
  return tally;
}
