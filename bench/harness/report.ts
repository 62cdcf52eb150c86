import { arch, cpus, platform, release } from 'node:os';
import type { Figures, Spread, WorkloadFigures } from './figures.ts';
import { cores } from './program.ts';
import type { Workload } from './workloads.ts';

/** Where the numbers come from: they carry over to no other machine, only ratios do. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly system: string;
  readonly node: string;
  readonly bound: string;
}

export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown processor',
    cores: all.length,
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    bound: cores ? `clients on core ${cores.client}, servers on core ${cores.server}` : 'unbound',
  };
}

/** The machine in one line. */
export function machineLine(machine: Machine): string {
  const { cpu, cores: count, system, node, bound } = machine;
  return `${cpu}, ${count} cores, ${system}, node ${node}, ${bound}`;
}

/** One table for each workload. */
export function tables(all: readonly WorkloadFigures[]): string {
  return all.map(({ workload, figures }) => table(workload, figures)).join('\n\n');
}

function table(workload: Workload, figures: readonly Figures[]): string {
  const isLatency = workload.comparedBy === 'latency';
  const head = [
    workload.title,
    speedTitles[workload.comparedBy],
    'p99 us',
    'CPU us/call c+s',
    isLatency ? 'share of floor p50' : 'share of floor speed',
    'share of floor p99',
  ];
  const rows = figures.map((own) => [
    own.contender,
    speed(workload, own),
    withSpread(own.p99Us, round),
    `${own.clientCpuUs.median.toFixed(2)} + ${own.serverCpuUs?.median.toFixed(2) ?? '-'}`,
    withSpread(own.share, ratio),
    withSpread(own.p99Share, ratio),
  ]);
  return layOut([head, ...rows]);
}

const speedTitles = { latency: 'p50 us', rate: 'calls/s', bandwidth: 'MB/s' } as const;

function speed(workload: Workload, own: Figures): string {
  switch (workload.comparedBy) {
    case 'latency':
      return withSpread(own.p50Us, (value) => value.toFixed(1));
    case 'rate':
      return withSpread(own.callsPerSecond, thousands);
    case 'bandwidth':
      return withSpread(own.megabytesPerSecond, round);
  }
}

/** A figure as tables show it. */
export function withSpread(spread: Spread | undefined, format: (value: number) => string): string {
  if (spread === undefined) return '-';
  const { median, lowest, highest } = spread;
  return `${format(median)} [${format(lowest)}..${format(highest)}]`;
}

const round = (value: number): string => value.toFixed(0);
const thousands = (value: number): string => `${(value / 1000).toFixed(1)}k`;
export const ratio = (value: number): string => value.toFixed(2);

/** Aligns the first column to the left, the others to the right. */
export function layOut(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
      .join('  ');
  const [head, ...body] = rows.map(line);
  return [head, '-'.repeat(head!.length), ...body].join('\n');
}
