/**
 * Fails when holdfast has become clearly slower: compares its speed as a share of the floor's, median
 * over the rounds of one run, with the shares in `bench/recorded.json`. How much may be lost depends
 * on how far the recorded runs were apart; what seems to be slower is measured again.
 *
 * Usage: `npm run bench:check -- [options]`
 *
 *     --rounds N        rounds that count, after one to warm up (default 9)
 *     --slice-ms N      length of a contender's slice of each workload (default 200)
 *     --workloads A,B   only these workloads
 *     --tolerance X     at least this share of the recorded ratio may be lost (default 0.15)
 *     --tries N         what is slower must be so in each of N runs (default 3)
 *     --times N         do all of it N times, and tell how often it failed (default 1)
 *     --record          write the ratios of several runs instead
 *     --runs N          so many with --record (default 5)
 *     --recorded FILE   compare with, or write, this file
 *     --if-like         judge nothing, and say so, on a machine that is not like the recorded one
 *     --contender FILE  judge this module, which exports `contender`, instead of holdfast
 */
import { loadavg } from 'node:os';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { guard, type Judged, type Measure } from './check/guard.ts';
import { areAlike, readRecorded, writeRecorded } from './check/record.ts';
import { floorName, sumUp } from './harness/figures.ts';
import { choose, count } from './harness/options.ts';
import { describeMachine, layOut, machineLine, ratio } from './harness/report.ts';
import { type Entry, runRounds } from './harness/rounds.ts';
import { allWorkloads } from './harness/workloads.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    'slice-ms': { type: 'string', default: '200' },
    workloads: { type: 'string' },
    tolerance: { type: 'string', default: '0.15' },
    tries: { type: 'string', default: '3' },
    times: { type: 'string', default: '1' },
    record: { type: 'boolean', default: false },
    runs: { type: 'string', default: '5' },
    recorded: { type: 'string' },
    'if-like': { type: 'boolean', default: false },
    contender: { type: 'string' },
  },
});

const tolerance = Number(options.tolerance);
if (!(tolerance >= 0 && tolerance < 1)) {
  throw new RangeError(`--tolerance must be from 0 to below 1, not ${options.tolerance}`);
}
const maxTries = count('tries', options.tries);
const rounds = count('rounds', options.rounds);
const sliceMs = count('slice-ms', options['slice-ms']);
const chosen = choose('workloads', options.workloads, allWorkloads, ({ name }) => name);
const names = chosen.map(({ name }) => name);

const contenderUrl = (name: string): URL => new URL(`contenders/${name}.js`, import.meta.url);
const judged = options.contender ? pathToFileURL(options.contender) : contenderUrl('holdfast');
const file = options.recorded
  ? pathToFileURL(options.recorded)
  : new URL('../bench/recorded.json', import.meta.url);

const place = { medium: 'tcp' } as const;
const entries: Entry[] = [
  { name: floorName, place, url: contenderUrl(floorName).href },
  { name: 'judged', place, url: judged.href },
];

/** One run, with processes of its own. */
const measure: Measure = async (wanted) => {
  const workloads = choose('workloads', wanted.join(), allWorkloads, ({ name }) => name);
  const [slices] = await runRounds([entries], workloads, { rounds, sliceMs, onRound: () => {} });
  return sumUp(slices ?? new Map()).map(({ figures }) => {
    const share = figures.find(({ contender }) => contender === 'judged')?.share;
    return Number(share?.median.toFixed(3));
  });
};

const machine = describeMachine();
const { cores } = machine;
const [load = 0] = loadavg();
if (load > cores / 2) {
  console.log(
    `This machine is busy (load ${load.toFixed(1)} on ${cores} cores): shares vary more then`,
  );
}
if (options.record) await record(count('runs', options.runs));
else await check(count('times', options.times));

async function record(runs: number): Promise<void> {
  const shares: Record<string, number[]> = {};
  for (let run = 0; run < runs; run++) {
    const measured = await measure(names);
    names.forEach((name, index) => {
      shares[name] = [...(shares[name] ?? []), measured[index] ?? 0];
    });
    console.log(`run ${run + 1} of ${runs}: ${measured.map(ratio).join('  ')}`);
  }
  await writeRecorded(file, { rounds, sliceMs, shares });
  console.log(`Recorded in ${file.pathname}`);
}

async function check(times: number): Promise<void> {
  const { shares, machine: recorded } = await readRecorded(file);
  if (options['if-like'] && !areAlike(machine, recorded)) {
    console.log(`Not judged: recorded on another machine, ${machineLine(recorded)}`);
    return;
  }
  const known = Object.fromEntries(Object.entries(shares).filter(([name]) => names.includes(name)));
  const unknown = names.filter((name) => shares[name] === undefined);
  if (unknown.length === names.length) throw new Error('None of these workloads is recorded');
  if (unknown.length > 0) console.log(`Not recorded, so not judged: ${unknown.join(', ')}`);
  let failed = 0;
  for (let time = 0; time < times; time++) {
    const all = await guard(known, { leastTolerance: tolerance, maxTries }, measure);
    if (all.some(({ isSlower }) => isSlower)) failed += 1;
    console.log(table(all));
  }
  if (times > 1) console.log(`\n${failed} of ${times} failed`);
  if (failed > 0) process.exitCode = 1;
}

function table(all: readonly Judged[]): string {
  const rows = all.map(({ workload, recorded, least, tries, isSlower }) => [
    workload,
    ratio(recorded),
    ratio(least),
    tries.map(ratio).join(', then '),
    isSlower ? 'slower' : 'ok',
  ]);
  return layOut([['share of floor', 'recorded', 'at least', 'now', ''], ...rows]);
}
