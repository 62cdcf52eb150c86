import type { Trial } from './stage.ts';

/** A call of a row, when all is over. */
export interface Tried extends Omit<Trial, 'count'> {
  /** How often the server executed it; undefined where nobody can tell. */
  readonly ran: number | undefined;
}

/** What came of a call, from the worst to the best. */
export const standings = [
  /** It was executed twice and must not be, the answer was another's, or what was told is not so. */
  'harm',
  'hang',
  /** It failed, and whether it was executed is for the caller to find out. */
  'failed',
  /** It failed, and what was told of its fate is so. */
  'failed, told',
  'succeeded',
] as const;

export type Standing = (typeof standings)[number];

export function standingOf({ answer, isRight, ran, isUnsafe }: Tried): Standing {
  if (!isRight || (isUnsafe && ran !== undefined && ran > 1)) return 'harm';
  switch (answer.is) {
    case 'hang':
      return 'hang';
    case 'answer':
      return ran === 0 ? 'harm' : 'succeeded';
    case 'failure':
      if (answer.outcome === undefined) return 'failed';
      return isTrue(answer.outcome, ran) ? 'failed, told' : 'harm';
  }
}

function isTrue(outcome: 'not-executed' | 'executed' | 'unknown', ran: number | undefined) {
  if (ran === undefined || outcome === 'unknown') return true;
  return ran > 0 === (outcome === 'executed');
}

export type Verdict = 'wins' | 'ties' | 'loses';

/** Differences in time up to this are not told from the noise of a machine, in milliseconds. */
const noiseMs = 500;

/**
 * How one side has done in a row against another. One call that does better decides for it, one that
 * does worse against it; where all stand alike, a success that takes more than twice as long loses.
 */
export function verdictOf(own: readonly Tried[], other: readonly Tried[]): Verdict {
  const differences = own.map((tried, at) => {
    const against = other[at];
    return against === undefined ? 1 : difference(tried, against);
  });
  if (differences.some((one) => one < 0)) return 'loses';
  return differences.some((one) => one > 0) ? 'wins' : 'ties';
}

function difference(own: Tried, other: Tried): number {
  const standing = standingOf(own);
  const apart = standings.indexOf(standing) - standings.indexOf(standingOf(other));
  if (apart !== 0 || standing !== 'succeeded') return apart;
  const [ownMs, otherMs] = [own.answer.ms, other.answer.ms];
  if (ownMs > 2 * otherMs + noiseMs) return -1;
  return otherMs > 2 * ownMs + noiseMs ? 1 : 0;
}
