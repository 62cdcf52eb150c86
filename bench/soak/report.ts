import { bounds, countedShare, type RoleTrends, type Trend } from './flatness.ts';
import type { Judgement } from './judge.ts';

/** Everything that a run has come to; also written as JSON. */
export interface Result {
  readonly seed: number;
  readonly node: string;
  readonly minutes: number;
  readonly judgement: Judgement;
  readonly roles: readonly RoleTrends[];
  readonly harms: Readonly<Record<string, number>>;
  readonly cpuShare: number;
  /** What is wrong; empty when the run was good. */
  readonly findings: readonly string[];
}

const mega = 1024 * 1024;
const isBytes = (name: string): boolean => name.endsWith('Bytes');

function show(name: string, value: number): string {
  return isBytes(name) ? (value / mega).toFixed(2) : value.toFixed(1);
}

function trendLine(name: string, trend: Trend): string {
  const { first, mean, last, rise } = trend;
  const title = isBytes(name) ? `${name.slice(0, -5)} MiB` : name;
  const values = [first, mean, last, rise].map((value) => show(name, value).padStart(10));
  return `  ${title.padEnd(16)}${values.join('')}`;
}

/** The result for readers. */
export function report(result: Result): string {
  const { judgement, roles, harms, findings } = result;
  const { calls, executions, byVerb, codes } = judgement;
  const lines = [
    `${result.minutes.toFixed(1)} minutes, seed ${result.seed}, Node ${result.node}, ` +
      `${(result.cpuShare * 100).toFixed(0)} % of a core`,
    '',
    `${calls} calls settled, ${executions} executions`,
    ...Object.entries(byVerb).map(
      ([verb, counts]) =>
        `  ${verb.padEnd(12)}${Object.entries(counts)
          .map(([outcome, count]) => `${count} ${outcome}`)
          .join(', ')}`,
    ),
    '',
    'Errors',
    ...Object.entries(codes)
      .filter(([code]) => !code.endsWith(' -'))
      .sort(([, one], [, other]) => other - one)
      .map(([code, count]) => `  ${String(count).padStart(6)} ${code}`),
    '',
    'Harms',
    ...Object.entries(harms).map(([name, count]) => `  ${String(count).padStart(6)} ${name}`),
    '',
    `The last ${(countedShare * 100).toFixed(0)} % of the time; rise: of the line by least squares ` +
      `(bounds: heap ${bounds.heapBytes / mega} MiB, ${bounds.descriptors} descriptors, ${bounds.processes} processes)`,
  ];
  for (const { role, samples, processes, trends } of roles) {
    lines.push(
      `${role}: ${samples} samples, ${processes} processes over the whole time`,
      `  ${''.padEnd(16)}${['first', 'mean', 'last', 'rise'].map((word) => word.padStart(10)).join('')}`,
      ...Object.entries(trends).map(([name, trend]) => trendLine(name, trend)),
    );
  }
  lines.push('', findings.length === 0 ? 'Nothing is wrong.' : `${findings.length} findings:`);
  lines.push(...findings.slice(0, 50).map((finding) => `  ${finding}`));
  return lines.join('\n');
}
