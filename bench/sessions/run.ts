/**
 * What sessions cost while nothing goes wrong: calls whose answers are recorded until they are
 * acknowledged (`mutate`) against calls of the same build whose answers are not (`read`). Client and
 * server are two processes over 127.0.0.1, there are several such pairs for each, because two runs of
 * one program are not equally fast, and all are interleaved.
 *
 * Usage, after `npm run build && tsc -p bench`:
 *
 *     node .bench/sessions/run.js [options]
 *
 *     --quick          3 rounds with slices of 150 ms
 *     --rounds N       rounds that count, after one to warm up (default 9)
 *     --slice-ms N     length of a slice of each workload (default 300)
 *     --pairs N        pairs of processes for each of both (default 3)
 *     --json FILE      also write the figures to FILE
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { count } from '../harness/options.ts';
import { describeMachine, machineLine } from '../harness/report.ts';
import { type Entry, runRounds } from '../harness/rounds.ts';
import { workloads } from '../harness/workloads.ts';
import { costTable, recordingCosts } from './report.ts';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    'slice-ms': { type: 'string' },
    pairs: { type: 'string', default: '3' },
    json: { type: 'string' },
  },
});

/** What recorded calls must reach of the speed of others. */
const target = 0.95;

const rounds = count('rounds', options.rounds ?? (options.quick ? '3' : '9'));
const sliceMs = count('slice-ms', options['slice-ms'] ?? (options.quick ? '150' : '300'));
const pairs = count('pairs', options.pairs);
const machine = describeMachine();
const progress = process.stderr.isTTY ? process.stderr : undefined;

console.log(machineLine(machine));
console.log(`${rounds} rounds, slices of ${sliceMs} ms, ${pairs} pairs of processes for each\n`);

const entries = ['read', 'mutate'].map((name): Entry => {
  const url = new URL(`./${name}.js`, import.meta.url).href;
  return { name, url, place: { medium: 'tcp' } };
});
const slices = await runRounds(
  Array.from({ length: pairs }, () => entries),
  workloads,
  {
    rounds,
    sliceMs,
    onRound: (round) =>
      progress?.write(round < 0 ? 'warming up' : `\rround ${round + 1} of ${rounds} `),
  },
);
progress?.write('\r\x1b[K');

// Each pair of processes has a map of its own, by the same workloads.
const costs = recordingCosts(slices, workloads);
console.log(costTable(costs, target));
if (options.json !== undefined) {
  const report = { machine, rounds, sliceMs, pairs, target, workloads: costs };
  await writeFile(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
}
