import type { Route } from '../observe/routes.ts';
import { durationText } from './durations.ts';
import { type Cell, type Column, table } from './table.ts';
import { harmless, type Paint } from './terminal.ts';
import type { Sample } from './watched.ts';

const columns: readonly Column[] = [
  { title: 'VERB' },
  ...['EFFECTIVE', 'PER S', 'ACTUAL', 'PER S', 'P50', 'P95', 'P99'].map(asNumber),
  ...['REPLAYS', 'REFUSED', 'UNKNOWN'].map(asNumber),
];

function asNumber(title: string): Column {
  return { title, isNumber: true };
}

/** What servers do, as people read it: for each one a line and a table. */
export function samplesText(samples: readonly Sample[], paint: Paint): string {
  return samples.map((sample) => sampleText(sample, paint)).join('\n\n');
}

function sampleText({ url, report, error }: Sample, paint: Paint): string {
  const name = paint('bold', harmless(url));
  if (report === undefined) return `${name}  ${paint('red', harmless(error?.message ?? ''))}`;
  const { connections, routes } = report;
  const head = `${name}  ${connections} connection${connections === 1 ? '' : 's'}`;
  if (routes.length === 0) return `${head}\nNo verb was called yet`;
  return `${head}\n${table(columns, routes.map(cellsOf), paint)}`;
}

function cellsOf(route: Route): (string | Cell)[] {
  const { effectiveSuccess, effectiveRate, actualSuccess, actualRate } = route;
  return [
    harmless(route.verb),
    share(effectiveSuccess),
    rate(effectiveRate),
    share(actualSuccess),
    rate(actualRate),
    ...[route.p50Ms, route.p95Ms, route.p99Ms].map(time),
    ...[route.replays, route.refusals].map(whole),
    { text: whole(route.unknownOutcomes), tone: route.unknownOutcomes > 0 ? 'red' : undefined },
  ];
}

/** What came from another version of the server may lack a number. */
function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

function share(value: number | undefined): Cell {
  if (!isNumber(value)) return { text: '–', tone: 'dim' };
  const tone = value >= 0.999 ? 'green' : value >= 0.95 ? 'yellow' : 'red';
  return { text: `${(value * 100).toFixed(2)} %`, tone };
}

function rate(value: number): string {
  return isNumber(value) ? value.toFixed(value < 10 ? 2 : 0) : '–';
}

function time(value: number | undefined): string {
  return isNumber(value) ? durationText(value) : '–';
}

function whole(value: number): string {
  return isNumber(value) ? String(value) : '–';
}
