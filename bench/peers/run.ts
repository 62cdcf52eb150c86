/**
 * Compares holdfast with the floor and with other ways to make calls from Node: client and server in
 * separate processes, all contenders interleaved in short slices over several rounds. Then what each
 * takes beside time: bytes on the wire, memory, and time to load.
 *
 * Usage: `npm run bench:peers -- [options]`; it needs redis-server and nats-server, and installs the peers.
 *
 *     --rounds N       rounds that count, after one to warm up (default 5)
 *     --slice-ms N     length of a contender's slice of each workload (default 300)
 *     --only A,B       only these contenders; without the floor there are no ratios
 *     --workloads A,B  only these workloads
 *     --json FILE      also write the figures to FILE
 *     --svg FILE       also draw the speeds as shares of holdfast's into FILE
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { sumUp } from '../harness/figures.ts';
import { choose, count } from '../harness/options.ts';
import { describeMachine, layOut, machineLine, tables, withSpread } from '../harness/report.ts';
import { type Entry, runRounds } from '../harness/rounds.ts';
import { allWorkloads } from '../harness/workloads.ts';
import { draw } from './draw.ts';
import { type Footprint, footprintOf } from './footprint.ts';
import {
  awayMs,
  limitMs,
  type Recoveries,
  type Recovery,
  reconnecting,
  recoveriesOf,
} from './recovery.ts';
import { type StartUp, startUps } from './start-up.ts';

const own = ['floor', 'holdfast', 'ws-msgpackr'];
const peers = [
  'grpc-js',
  'connect-node',
  'undici',
  'undici-pipelining',
  'vscode-jsonrpc',
  'ioredis',
  'ioredis-pipelining',
  'nats',
  'thrift',
  'jayson',
];
const libraries = [
  'ws',
  '@grpc/grpc-js',
  '@connectrpc/connect-node',
  'undici',
  'vscode-jsonrpc/node',
  'ioredis',
  '@nats-io/transport-node',
  'thrift',
  'jayson/promise/index.js',
];

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    'slice-ms': { type: 'string', default: '300' },
    only: { type: 'string' },
    workloads: { type: 'string' },
    json: { type: 'string' },
    svg: { type: 'string' },
  },
});

const built = new URL('../../../../.bench/', import.meta.url);
const place = { medium: 'tcp' } as const;
const entries: Entry[] = [
  ...own.map((name) => ({ name, place, url: new URL(`contenders/${name}.js`, built).href })),
  ...peers.map((name) => ({
    name,
    place,
    url: new URL(`./contenders/${name}.js`, import.meta.url).href,
  })),
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

const recoveries = await recoveriesOf(chosen.filter(({ name }) => reconnecting.includes(name)));
console.log(`\n${recoveryTable(recoveries)}`);

const loaded = startUps([
  { library: 'holdfast', folder: built },
  ...libraries.map((library) => ({ library, folder: new URL('../../', import.meta.url) })),
]);
console.log(`\n${startUpTable(loaded)}`);

if (options.json !== undefined) {
  const report = {
    machine,
    rounds,
    sliceMs,
    workloads: figures,
    footprints,
    recoveries,
    startUps: loaded,
  };
  await writeFile(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
}
if (options.svg !== undefined) await writeFile(options.svg, await draw(figures));

function footprintTable(all: readonly Footprint[]): string {
  const head = [
    'beside time',
    'bytes/call',
    'kB/idle connection c+s',
    'bytes/outstanding call at the client',
  ];
  const kilobytes = (bytes: number): string => (bytes / 1000).toFixed(1);
  const rows = all.map((own) => [
    own.contender,
    own.bytesPerCall.toFixed(0),
    `${kilobytes(own.clientBytesPerConnection)} + ${kilobytes(own.serverBytesPerConnection)}`,
    own.bytesPerOutstandingCall.toFixed(0),
  ]);
  return layOut([head, ...rows]);
}

function recoveryTable(all: readonly Recoveries[]): string {
  const head = [
    'a call is pending, an answer comes after ms',
    'connection cut',
    'calls failed',
    `server away for ${awayMs / 1_000} s`,
    'calls failed',
    'connection silent',
    'calls failed',
  ];
  const cells = ({ milliseconds, failed }: Recovery): string[] => [
    milliseconds
      ? withSpread(milliseconds, (value) => value.toFixed(value < 10 ? 1 : 0))
      : `none in ${limitMs / 1_000} s`,
    String(failed),
  ];
  const rows = all.map(({ contender, cut, away, silent }) => [
    contender,
    ...[cut, away, silent].flatMap(cells),
  ]);
  return layOut([head, ...rows]);
}

function startUpTable(all: readonly StartUp[]): string {
  const rows = all.map(({ library, milliseconds, modules }) => [
    library,
    withSpread(milliseconds, (value) => value.toFixed(0)),
    String(modules),
  ]);
  return layOut([['import', 'ms more than an empty process', 'modules'], ...rows]);
}
