/**
 * Fails when holdfast has become clearly slower: compares its speed as a share of the floor's, median
 * over the rounds of one run, with the shares in `bench/recorded.json`. Ratios carry over from machine
 * to machine far better than seconds do, but not perfectly, so only a loss beyond the tolerance counts.
 *
 * Usage: `npm run bench:check -- [options]`
 *
 *     --rounds N       rounds that count, after one to warm up (default 9)
 *     --slice-ms N     length of a contender's slice of each workload (default 200)
 *     --tolerance X    share of the recorded ratio that may be lost (default 0.2)
 *     --record         write the ratios of this run instead
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { sumUp } from './harness/figures.ts';
import { count } from './harness/options.ts';
import { layOut } from './harness/report.ts';
import { type Entry, runRounds } from './harness/rounds.ts';
import { allWorkloads } from './harness/workloads.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    'slice-ms': { type: 'string', default: '200' },
    tolerance: { type: 'string', default: '0.2' },
    record: { type: 'boolean', default: false },
  },
});

const tolerance = Number(options.tolerance);
if (!(tolerance >= 0 && tolerance < 1)) {
  throw new RangeError(`--tolerance must be from 0 to below 1, not ${options.tolerance}`);
}

const file = new URL('../bench/recorded.json', import.meta.url);
const entries: Entry[] = ['floor', 'holdfast'].map((name) => ({
  name,
  place: { medium: 'tcp' },
  url: new URL(`./contenders/${name}.js`, import.meta.url).href,
}));

const [slices] = await runRounds([entries], allWorkloads, {
  rounds: count('rounds', options.rounds),
  sliceMs: count('slice-ms', options['slice-ms']),
  onRound: () => {},
});

const shares: Record<string, number> = {};
for (const { workload, figures } of slices === undefined ? [] : sumUp(slices)) {
  const own = figures.find(({ contender }) => contender === 'holdfast');
  shares[workload.name] = Number((own?.share?.median ?? 0).toFixed(2));
}

if (options.record) {
  await writeFile(file, `${JSON.stringify(shares, undefined, 2)}\n`);
  console.log(`Recorded ${JSON.stringify(shares)}`);
} else {
  const recorded = JSON.parse(await readFile(file, 'utf8')) as Record<string, number>;
  const rows = Object.entries(recorded).map(([name, before]) => {
    const now = shares[name] ?? 0;
    const isLost = now < before * (1 - tolerance);
    return [name, before.toFixed(2), now.toFixed(2), isLost ? 'slower' : 'ok'];
  });
  console.log(layOut([['share of floor', 'recorded', 'now', ''], ...rows]));
  if (rows.some((row) => row.at(-1) === 'slower')) process.exitCode = 1;
}
