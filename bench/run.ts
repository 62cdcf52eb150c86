/**
 * Compares holdfast with a hand-written floor and with other ways to make calls: client and server
 * in separate processes over 127.0.0.1, each bound to a core of its own where that can be done, all
 * contenders interleaved in short slices over several rounds.
 *
 * Usage, after `npm run build && tsc -p bench`:
 *
 *     node .bench/run.js [options]
 *
 *     --rounds N       rounds that count, after one to warm up (default 9)
 *     --slice-ms N     length of a contender's slice of each workload (default 300)
 *     --only A,B       only these contenders; without the floor there are no ratios
 *     --workloads A,B  only these of sequential, outstanding-64, outstanding-1000, bytes-64k,
 *                      both-64k, objects-7k
 *     --with FILE      one more contender, a module that exports `contender`, named after its file;
 *                      may be repeated
 *     --json FILE      also write the figures to FILE
 */
import { writeFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { sumUp } from './harness/figures.ts';
import { choose, count } from './harness/options.ts';
import { describeMachine, machineLine, tables } from './harness/report.ts';
import { type Entry, runRounds } from './harness/rounds.ts';
import { allWorkloads } from './harness/workloads.ts';

const ownContenders = ['floor', 'ws-msgpackr', 'holdfast'];

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    'slice-ms': { type: 'string', default: '300' },
    only: { type: 'string' },
    workloads: { type: 'string' },
    with: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
  },
});

const place = { medium: 'tcp' } as const;
const entries: Entry[] = [
  ...ownContenders.map((name) => ({
    name,
    place,
    url: new URL(`./contenders/${name}.js`, import.meta.url).href,
  })),
  ...options.with.map((file) => ({
    name: basename(file, extname(file)),
    place,
    url: pathToFileURL(file).href,
  })),
];

const rounds = count('rounds', options.rounds);
const sliceMs = count('slice-ms', options['slice-ms']);
const chosenEntries = choose('only', options.only, entries, ({ name }) => name);
const chosenWorkloads = choose('workloads', options.workloads, allWorkloads, ({ name }) => name);
const machine = describeMachine();
const progress = process.stderr.isTTY ? process.stderr : undefined;

console.log(machineLine(machine));
console.log(`${rounds} rounds, slices of ${sliceMs} ms: median over the rounds [lowest..highest]`);
console.log('share of floor: the floor is 1.00, higher is better in latency columns too\n');

const [slices] = await runRounds([chosenEntries], chosenWorkloads, {
  rounds,
  sliceMs,
  onRound: (round) =>
    progress?.write(round < 0 ? 'warming up' : `\rround ${round + 1} of ${rounds} `),
});
progress?.write('\r\x1b[K');

const figures = slices === undefined ? [] : sumUp(slices);
console.log(tables(figures));
if (options.json !== undefined) {
  const report = { machine, rounds, sliceMs, workloads: figures };
  await writeFile(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
}
