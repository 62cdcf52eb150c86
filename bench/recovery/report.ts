import { layOut } from '../harness/report.ts';
import { type Sample, type Samples, type Subject, subjects } from './samples.ts';

/** The recoveries of one path in figures; times in microseconds. */
export interface PathFigures {
  readonly path: string;
  readonly roundTripUs: Quantiles;
  readonly rows: readonly SubjectFigures[];
}

export interface SubjectFigures {
  readonly subject: Subject;
  /** From the cut to the reply. */
  readonly replyUs: Quantiles;
  /** From the cut until the client knew. */
  readonly seenUs: Quantiles;
  /** From there to a connection that calls can be sent on. */
  readonly openUs: Quantiles;
  /** From there to the reply. */
  readonly answerUs: Quantiles;
  /** More than the floor's reply of the same round. */
  readonly moreUs: Quantiles;
  /** The median of that in round trips of the floor. */
  readonly moreRoundTrips: number;
}

export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
}

/** At most so many round trips more than the floor. */
const target = 1;

export function pathFigures(path: string, samples: Samples): PathFigures {
  const roundTripUs = quantiles(samples.roundTripUs);
  const rows = subjects.map((subject): SubjectFigures => {
    const own = samples[subject];
    const over = (figure: (sample: Sample) => number): Quantiles => quantiles(own.map(figure));
    const moreUs = quantiles(own.map((one, round) => one.replyUs - samples.floor[round]!.replyUs));
    return {
      subject,
      replyUs: over((sample) => sample.replyUs),
      seenUs: over((sample) => sample.seenUs),
      openUs: over((sample) => sample.openUs - sample.seenUs),
      answerUs: over((sample) => sample.replyUs - sample.openUs),
      moreUs,
      moreRoundTrips: moreUs.p50 / roundTripUs.p50,
    };
  });
  return { path, roundTripUs, rows };
}

/** One table for each path. */
export function recoveryTables(all: readonly PathFigures[]): string {
  return all.map(table).join('\n\n');
}

const titles: Readonly<Record<Subject, string>> = {
  floor: 'floor: connect, call',
  read: 'holdfast, a read pending',
  mutate: 'holdfast, a mutate pending',
};

function table({ path, roundTripUs, rows }: PathFigures): string {
  const head = [
    `${path}: round trip ${us(roundTripUs.p50)} us`,
    'cut to reply p50 us',
    'p95 us',
    'cut to seen',
    'to open',
    'to reply',
    'more than floor p50 us',
    'in round trips',
    `${target} or less`,
  ];
  const body = rows.map((row) => {
    const own = [
      titles[row.subject],
      us(row.replyUs.p50),
      us(row.replyUs.p95),
      us(row.seenUs.p50),
      us(row.openUs.p50),
      us(row.answerUs.p50),
    ];
    if (row.subject === 'floor') return [...own, '-', '-', '-'];
    const { moreUs, moreRoundTrips } = row;
    // Timers make the delay, and they are up to a twentieth of it late.
    const isMet = Number(moreRoundTrips.toFixed(1)) <= target;
    return [...own, us(moreUs.p50), moreRoundTrips.toFixed(2), isMet ? 'met' : 'missed'];
  });
  return layOut([head, ...body]);
}

const us = (value: number): string => value.toFixed(0);

function quantiles(values: readonly number[]): Quantiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  return { p50: at(0.5), p95: at(0.95) };
}
