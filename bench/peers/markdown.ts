import { type Figures, floorName, type WorkloadFigures } from '../harness/figures.ts';
import { machineLine } from '../harness/report.ts';
import { far, near } from './line-up.ts';
import { awayMs, type Recovery } from './recovery.ts';
import { kilobytesPerConnection, noneInTime, type PeersReport, shortMs } from './report.ts';

const begin = '<!-- from here: npm run bench:peers -- --record -->';
const end = '<!-- to here -->';

const picture = {
  title: "Speed of holdfast and of its peers, as shares of the floor's",
  file: 'bench/peers/results/speed.svg',
};

/** A text with the figures of a run between its two marks. */
export function withFigures(text: string, report: PeersReport): string {
  const [before, rest] = split(text, begin);
  const [, after] = split(rest, end);
  return `${before}${begin}\n\n${figuresOf(report)}\n\n${end}${after}`;
}

/** The figures that a text has between its marks. */
export function figuresIn(text: string): string {
  return split(split(text, begin)[1], end)[0].trim();
}

function split(text: string, mark: string): [before: string, after: string] {
  const at = text.indexOf(mark);
  if (at < 0) throw new Error(`There is no line "${mark}"`);
  return [text.slice(0, at), text.slice(at + mark.length)];
}

/** The figures of a run as README shows them. */
export function figuresOf(report: PeersReport): string {
  const { machine, rounds, workloads } = report;
  return [
    `![${picture.title}](${picture.file})`,
    `Share of the floor's speed, higher is better, median of ${rounds} rounds (${machineLine(machine)}):`,
    speedTable(workloads),
    'Beside speed; CPU with 64 calls outstanding, milliseconds of `import` beyond those of an empty process:',
    costTable(report),
    `A call is pending when its connection is cut, its server goes away for ${awayMs / 1_000} s, or the path falls silent; the application makes it again when it fails. Milliseconds to the answer from when there could be one, and how many calls failed before:`,
    recoveryRows(report),
  ].join('\n\n');
}

function speedTable(workloads: readonly WorkloadFigures[]): string {
  const names = workloads[0]?.figures.map(({ contender }) => contender) ?? [];
  const rows = names
    .filter((name) => name !== floorName)
    .map((name) => [
      name,
      ...workloads.map((own) => shortShare(figuresBy(own, name)?.share?.median)),
    ]);
  const nodePeers = [...near, ...far].filter(({ isNode }) => isNode).map(({ name }) => name);
  return table(
    ['share of the floor', ...workloads.map(({ workload }) => workload.title)],
    [
      ...rows,
      ['the floor itself', ...workloads.map((own) => absolute(own, figuresBy(own, floorName)))],
      ['holdfast : best with Node at both ends', ...workloads.map((own) => ahead(own, nodePeers))],
      ['holdfast : ioredis', ...workloads.map((own) => ahead(own, redis))],
    ],
  );
}

const redis = ['ioredis', 'ioredis-pipelining'];

function shortShare(share: number | undefined): string {
  if (share === undefined) return '–';
  return share < 0.01 ? '< 0.01' : share.toFixed(2);
}

function absolute({ workload }: WorkloadFigures, floor: Figures | undefined): string {
  if (floor === undefined) return '–';
  switch (workload.comparedBy) {
    case 'latency':
      return `${floor.p50Us.median.toFixed(0)} µs`;
    case 'rate':
      return `${(floor.callsPerSecond.median / 1_000).toFixed(0)} k/s`;
    case 'bandwidth':
      return `${floor.megabytesPerSecond.median.toFixed(0)} MB/s`;
  }
}

/** How many times as fast as the best of these holdfast is. */
function ahead(own: WorkloadFigures, names: readonly string[]): string {
  const share = (name: string): number => figuresBy(own, name)?.share?.median ?? 0;
  const best = Math.max(...names.filter((name) => name !== 'holdfast').map(share));
  return best === 0 ? '–' : `${(share('holdfast') / best).toFixed(1)} ×`;
}

function costTable({ workloads, footprints, startUps }: PeersReport): string {
  const busy = workloads.find(({ workload }) => workload.name === 'outstanding-64');
  const head = [
    '',
    'CPU µs per call, client + server',
    'bytes per call',
    'kB per idle connection, client + server',
    'bytes per outstanding call',
    'start-up ms',
    'modules',
  ];
  const rows = footprints.map((own) => {
    const cpu = busy && figuresBy(busy, own.contender);
    const library = [...near, ...far].find(({ name }) => name === own.contender)?.library;
    const startUp = startUps.find((one) => one.library === library);
    return [
      own.contender,
      cpu
        ? `${cpu.clientCpuUs.median.toFixed(1)} + ${cpu.serverCpuUs?.median.toFixed(1) ?? '–'}`
        : '–',
      own.bytesPerCall.toFixed(0),
      kilobytesPerConnection(own),
      own.bytesPerOutstandingCall.toFixed(0),
      startUp?.milliseconds.median.toFixed(0) ?? '–',
      startUp?.modules.toString() ?? '–',
    ];
  });
  return table(head, rows);
}

function recoveryRows({ recoveries }: PeersReport): string {
  const cell = ({ milliseconds, failed }: Recovery): string =>
    `${milliseconds ? shortMs(milliseconds.median) : noneInTime} (${failed})`;
  const rows = recoveries.map(({ contender, cut, away, silent }) => [
    contender,
    ...[cut, away, silent].map(cell),
  ]);
  return table(['', 'cut', `away for ${awayMs / 1_000} s`, 'silent'], rows);
}

function figuresBy(own: WorkloadFigures, name: string): Figures | undefined {
  return own.figures.find(({ contender }) => contender === name);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}
