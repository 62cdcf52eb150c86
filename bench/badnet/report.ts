import { layOut } from '../harness/report.ts';
import { contenders } from './contenders.ts';
import type { Sample } from './sample.ts';

/** The figures of one sample. */
export interface SampleFigures {
  readonly contender: string;
  readonly seed: number;
  readonly answered: number;
  readonly failed: number;
  readonly unfinished: number;
  readonly wallS: number;
  /** Of the exchanges that were answered. */
  readonly p50S: number;
  readonly p95S: number;
  readonly maxS: number;
  readonly executions: number;
  readonly lossPercent: number;
}

export function figuresOf(sample: Sample): SampleFigures {
  const { contender, seed, exchanges, wallMs, executions, passed, lost } = sample;
  const count = (wanted: string): number =>
    exchanges.filter(({ outcome }) => outcome === wanted).length;
  const times = exchanges
    .flatMap(({ outcome, tookMs }) => (outcome === 'answered' && tookMs ? [tookMs] : []))
    .sort((one, other) => one - other);
  const quantile = (share: number): number =>
    tenths((times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? 0) / 1000);
  return {
    contender,
    seed,
    answered: count('answered'),
    failed: count('failed') + count('wrong'),
    unfinished: count('unfinished'),
    wallS: tenths(wallMs / 1000),
    p50S: quantile(0.5),
    p95S: quantile(0.95),
    maxS: quantile(1),
    executions,
    lossPercent: tenths((100 * lost) / (passed + lost)),
  };
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

/** One row for each contender, with the figures of its samples side by side. */
export function table(all: readonly SampleFigures[]): string {
  const head = [
    '',
    'answered',
    'gave up',
    'unfinished',
    'wall s',
    'p50 s',
    'p95 s',
    'max s',
    'executions',
  ];
  const rows = [...new Set(all.map(({ contender }) => contender))].map((contender) => {
    const own = all.filter((one) => one.contender === contender);
    const each = (name: keyof SampleFigures): string => own.map((one) => one[name]).join(' ');
    return [
      contender,
      ...(
        ['answered', 'failed', 'unfinished', 'wallS', 'p50S', 'p95S', 'maxS', 'executions'] as const
      ).map(each),
    ];
  });
  const words = Object.entries(contenders).map(([name, what]) => `${name}: ${what}`);
  return `${layOut([head, ...rows])}\n\n${words.join('\n')}`;
}

/** A line for each sample. */
export function samplesCsv(all: readonly SampleFigures[]): string {
  return csv(all.map((figures) => ({ ...figures })));
}

/** A line for each exchange. */
export function exchangesCsv(samples: readonly Sample[]): string {
  return csv(
    samples.flatMap(({ contender, seed, exchanges }) =>
      exchanges.map(({ number, startedMs, tookMs, outcome }) => ({
        contender,
        seed,
        exchange: number,
        startedMs: Math.round(startedMs),
        tookMs: tookMs === undefined ? '' : Math.round(tookMs),
        outcome,
      })),
    ),
  );
}

function csv(rows: readonly Readonly<Record<string, string | number>>[]): string {
  const names = Object.keys(rows[0] ?? {});
  return [names, ...rows.map((row) => names.map((name) => row[name]))]
    .map((cells) => `${cells.join(',')}\n`)
    .join('');
}
