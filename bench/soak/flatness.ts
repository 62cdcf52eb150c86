import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { files } from './notebook.ts';
import type { Sample } from './sampler.ts';

/**
 * How far the fitted line may rise over the part of a run that counts. Memory: what chance does to
 * calls in flight, whose payloads have up to 300 kB; a leak of 100 bytes a call shows above it.
 */
export const bounds = {
  heapBytes: 2 * 1024 * 1024,
  externalBytes: 4 * 1024 * 1024,
  descriptors: 4,
  processes: 4,
} as const;

/** The part of a run that counts: the first third is for caches, tables and compiled code. */
export const countedShare = 2 / 3;

const columns = ['heapBytes', 'externalBytes', 'rssBytes', 'descriptors', 'wheel'] as const;
type Column = (typeof columns)[number];

/** One figure of one role over the counted part. */
export interface Trend {
  readonly first: number;
  readonly mean: number;
  readonly last: number;
  /** Of the line by least squares, from the beginning to the end of the counted part. */
  readonly rise: number;
  /** The rise for each hour. */
  readonly perHour: number;
}

export interface RoleTrends {
  readonly role: string;
  readonly samples: number;
  readonly processes: number;
  readonly trends: Readonly<Record<string, Trend>>;
}

export function readSamples(folder: string): Sample[] {
  const text = readFileSync(join(folder, files.samples), 'utf8');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Sample);
}

/** The trends of each role that was sampled regularly. */
export function trendsOf(samples: readonly Sample[], startMs: number, endMs: number): RoleTrends[] {
  const fromMs = endMs - (endMs - startMs) * countedShare;
  const roles = [...new Set(samples.map(({ role }) => role))].filter((role) => !role.includes('('));
  return roles.map((role) => {
    const all = samples.filter((sample) => sample.role === role && sample.atMs <= endMs);
    const counted = all.filter(({ atMs }) => atMs >= fromMs);
    const of = (value: (sample: Sample) => number): Trend => trend(counted, value, fromMs, endMs);
    const names = Object.keys(all[0]?.counts ?? {});
    const trends: Record<string, Trend> = {};
    for (const column of columns) trends[column] = of((sample) => sample[column as Column]);
    for (const name of names) trends[name] = of(({ counts }) => counts[name] ?? 0);
    return {
      role,
      samples: counted.length,
      processes: new Set(all.map(({ pid }) => pid)).size,
      trends,
    };
  });
}

function trend(
  samples: readonly Sample[],
  value: (sample: Sample) => number,
  fromMs: number,
  endMs: number,
): Trend {
  const times = samples.map(({ atMs }) => atMs);
  const values = samples.map(value);
  const mean = average(values);
  const perMs = slope(times, values);
  return {
    first: values[0] ?? Number.NaN,
    mean,
    last: values.at(-1) ?? Number.NaN,
    rise: perMs * (endMs - fromMs),
    perHour: perMs * 3_600_000,
  };
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of the line by least squares. */
export function slope(times: readonly number[], values: readonly number[]): number {
  const time = average(times);
  const mean = average(values);
  let above = 0;
  let below = 0;
  for (const [index, at] of times.entries()) {
    above += (at - time) * ((values[index] as number) - mean);
    below += (at - time) ** 2;
  }
  return below === 0 ? 0 : above / below;
}

/**
 * What rises by more than its bound. Where processes come and go, memory tells how old they are, and
 * only what is open counts.
 */
export function rises(roles: readonly RoleTrends[]): string[] {
  const found: string[] = [];
  for (const { role, processes, trends } of roles) {
    for (const [column, bound] of Object.entries(bounds)) {
      const rise = trends[column]?.rise;
      if (rise === undefined || rise <= bound) continue;
      if (processes > 1 && column.endsWith('Bytes')) continue;
      found.push(`${role}: ${column} rises by ${Math.round(rise)} (bound ${bound})`);
    }
  }
  return found;
}
