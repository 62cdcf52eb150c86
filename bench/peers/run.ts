/**
 * Compares holdfast with the floor and with other ways to make calls from Node: client and server in
 * separate processes, all contenders interleaved in short slices over several rounds. Then what each
 * takes beside time: bytes on the wire, memory, time to recover, and time to load.
 *
 * Usage: `npm run bench:peers -- [options]`; it needs redis-server and nats-server, and installs the peers.
 *
 *     --rounds N       rounds that count, after one to warm up (default 5)
 *     --slice-ms N     length of a contender's slice of each workload (default 300)
 *     --only A,B       only these contenders; without the floor there are no ratios
 *     --workloads A,B  only these workloads
 *     --json FILE      also write the figures to FILE
 *     --svg FILE       also draw the speeds as shares of the floor's into FILE
 *     --record         write the figures and the picture into bench/peers/results, the tables into README
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { floorName, sumUp } from '../harness/figures.ts';
import { choose, count } from '../harness/options.ts';
import { describeMachine, machineLine, tables } from '../harness/report.ts';
import { type Entry, runRounds } from '../harness/rounds.ts';
import { allWorkloads } from '../harness/workloads.ts';
import { draw } from './draw.ts';
import { type Footprint, footprintOf } from './footprint.ts';
import { far, near, reconnecting } from './line-up.ts';
import { withFigures } from './markdown.ts';
import { recoveriesOf } from './recovery.ts';
import { footprintTable, type PeersReport, recoveryTable, startUpTable } from './report.ts';
import { startUps } from './start-up.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    'slice-ms': { type: 'string', default: '300' },
    only: { type: 'string' },
    workloads: { type: 'string' },
    json: { type: 'string' },
    svg: { type: 'string' },
    record: { type: 'boolean', default: false },
  },
});

const peersFolder = new URL('../../', import.meta.url);
const built = new URL('../../../../.bench/', import.meta.url);
const entry = (name: string, folder: URL): Entry => ({
  name,
  place: { medium: 'tcp' },
  url: new URL(`contenders/${name}.js`, folder).href,
});
const entries: Entry[] = [
  ...[floorName, ...near.map(({ name }) => name)].map((name) => entry(name, built)),
  ...far.map(({ name }) => entry(name, new URL('./', import.meta.url))),
];

const rounds = count('rounds', options.rounds);
const sliceMs = count('slice-ms', options['slice-ms']);
const chosen = choose('only', options.only, entries, ({ name }) => name);
const workloads = choose('workloads', options.workloads, allWorkloads, ({ name }) => name);
const machine = describeMachine();
const progress = process.stderr.isTTY ? process.stderr : undefined;

console.log(machineLine(machine));
console.log(`${rounds} rounds, slices of ${sliceMs} ms: median over the rounds [lowest..highest]`);
console.log('share of floor: the floor is 1.00, higher is better in latency columns too\n');

const [slices] = await runRounds([chosen], workloads, {
  rounds,
  sliceMs,
  onRound: (round) => progress?.write(`\rround ${round + 1} of ${rounds} `),
});
progress?.write('\r\x1b[K');
const figures = slices === undefined ? [] : sumUp(slices);
console.log(tables(figures));

const footprints: Footprint[] = [];
for (const entry of chosen) footprints.push(await footprintOf(entry));
console.log(`\n${footprintTable(footprints)}`);

const recovering = chosen.flatMap((entry) => {
  const file = reconnecting[entry.name];
  return file === undefined ? [] : [{ ...entry, url: new URL(`${file}.js`, entry.url).href }];
});
const recoveries = await recoveriesOf(recovering);
console.log(`\n${recoveryTable(recoveries)}`);

const libraries = new Set(far.map(({ library }) => library).concat('ws'));
const loaded = startUps([
  { library: 'holdfast', folder: built },
  ...[...libraries].map((library) => ({ library, folder: peersFolder })),
]);
console.log(`\n${startUpTable(loaded)}`);

const report: PeersReport = {
  machine,
  rounds,
  sliceMs,
  workloads: figures,
  footprints,
  recoveries,
  startUps: loaded,
};
const results = new URL('results/', peersFolder);
const write = async (file: string | URL, text: string): Promise<void> => {
  await writeFile(file, text);
  console.log(`\nWritten: ${file}`);
};
if (options.record) await mkdir(results, { recursive: true });
const { json = options.record && new URL('figures.json', results) } = options;
const { svg = options.record && new URL('speed.svg', results) } = options;
if (json) await write(json, `${JSON.stringify(report, undefined, 2)}\n`);
if (svg) await write(svg, await draw(figures));
if (options.record) {
  const readme = new URL('../../README.md', peersFolder);
  await write(readme, withFigures(await readFile(readme, 'utf8'), report));
}
