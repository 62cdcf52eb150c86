/**
 * Compares holdfast, on each medium, with the floor on the raw channel of the same medium: client
 * and server in separate processes of this machine, all media and both contenders interleaved.
 *
 * Usage, after `npm run build && tsc -p bench`:
 *
 *     node .bench/media/run.js [options]
 *
 *     --quick        3 rounds with slices of 150 ms
 *     --rounds N     rounds that count, after one to warm up (default 9)
 *     --slice-ms N   length of a contender's slice of each workload (default 300)
 *     --media A,B    only these of tcp, unix, tls, pipe, ssh, openssh
 *     --json FILE    also write the figures to FILE
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { sumUp } from '../harness/figures.ts';
import { choose, count } from '../harness/options.ts';
import { describeMachine, machineLine } from '../harness/report.ts';
import { type Entry, runRounds } from '../harness/rounds.ts';
import { workloads } from '../harness/workloads.ts';
import { media } from '../place.ts';
import { mediaTables, shareTable } from './report.ts';
import { Stage } from './stage.ts';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    'slice-ms': { type: 'string' },
    media: { type: 'string' },
    json: { type: 'string' },
  },
});

const rounds = count('rounds', options.rounds ?? (options.quick ? '3' : '9'));
const sliceMs = count('slice-ms', options['slice-ms'] ?? (options.quick ? '150' : '300'));
const wanted = choose('media', options.media, media, String);
const measured = workloads.filter(({ name }) => name !== 'outstanding-1000');
const machine = describeMachine();
const progress = process.stderr.isTTY ? process.stderr : undefined;

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const stage = await Stage.set(wanted);
try {
  const { places, missing, sshServer } = stage;
  console.log(machineLine(machine));
  if (sshServer !== undefined) console.log(`SSH is served by ${sshServer}`);
  for (const line of missing) console.log(line);
  console.log(
    `${rounds} rounds, slices of ${sliceMs} ms: median over the rounds [lowest..highest]`,
  );
  console.log('share of floor: the floor is 1.00, higher is better in latency columns too\n');

  const groups = places.map((place) =>
    ['floor', 'holdfast'].map((name): Entry => {
      const url = new URL(`../contenders/${name}.js`, import.meta.url).href;
      return { name, url, place };
    }),
  );
  const slices = await runRounds(groups, measured, {
    rounds,
    sliceMs,
    onRound: (round) =>
      progress?.write(round < 0 ? 'warming up' : `\rround ${round + 1} of ${rounds} `),
  });
  progress?.write('\r\x1b[K');

  const figures = slices.map((own, at) => ({
    medium: places[at]!.medium,
    workloads: sumUp(own),
  }));
  console.log(`${mediaTables(figures)}\n\n${shareTable(figures)}`);
  if (options.json !== undefined) {
    const report = { machine, rounds, sliceMs, sshServer, missing, media: figures };
    await writeFile(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
  }
} finally {
  await stage.strike();
}
