import type { WorkloadFigures } from '../harness/figures.ts';
import { layOut, type Machine, withSpread } from '../harness/report.ts';
import type { Footprint } from './footprint.ts';
import { awayMs, limitMs, type Recoveries, type Recovery } from './recovery.ts';
import type { StartUp } from './start-up.ts';

/** All that a run has measured. */
export interface PeersReport {
  readonly machine: Machine;
  readonly rounds: number;
  readonly sliceMs: number;
  readonly workloads: readonly WorkloadFigures[];
  readonly footprints: readonly Footprint[];
  readonly recoveries: readonly Recoveries[];
  readonly startUps: readonly StartUp[];
}

export function footprintTable(all: readonly Footprint[]): string {
  const head = [
    'beside time',
    'bytes/call',
    'kB/idle connection c+s',
    'bytes/outstanding call at the client',
  ];
  const rows = all.map((own) => [
    own.contender,
    own.bytesPerCall.toFixed(0),
    kilobytesPerConnection(own),
    own.bytesPerOutstandingCall.toFixed(0),
  ]);
  return layOut([head, ...rows]);
}

/** Of the client and of the server. */
export function kilobytesPerConnection(own: Footprint): string {
  const kilobytes = (bytes: number): string => (bytes / 1_000).toFixed(1);
  return `${kilobytes(own.clientBytesPerConnection)} + ${kilobytes(own.serverBytesPerConnection)}`;
}

export function recoveryTable(all: readonly Recoveries[]): string {
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
    milliseconds ? withSpread(milliseconds, shortMs) : noneInTime,
    String(failed),
  ];
  const rows = all.map(({ contender, cut, away, silent }) => [
    contender,
    ...[cut, away, silent].flatMap(cells),
  ]);
  return layOut([head, ...rows]);
}

export const noneInTime: string = `none in ${limitMs / 1_000} s`;

/** With a decimal where it says something. */
export function shortMs(value: number): string {
  return value.toFixed(value < 10 ? 1 : 0);
}

export function startUpTable(all: readonly StartUp[]): string {
  const rows = all.map(({ library, milliseconds, modules }) => [
    library,
    withSpread(milliseconds, (value) => value.toFixed(0)),
    String(modules),
  ]);
  return layOut([['import', 'ms more than an empty process', 'modules'], ...rows]);
}
