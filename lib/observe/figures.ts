import { add, count, type Histogram, newHistogram } from './histogram.ts';

/** How the window is made: it slides by slices, and the newest is not full yet. */
export const sliceMs = 10_000;
export const slices = 6;

/** What was counted of one verb. Counts only grow. */
export interface Tally {
  /** Calls that settled. */
  calls: number;
  /** Those of them that failed. */
  failures: number;
  /** Those of the failures of which nobody knows whether they ran. */
  unknownOutcomes: number;
  /** Attempts that ended. */
  attempts: number;
  /** Those of them that did not end with a reply. */
  failedAttempts: number;
  /** Attempts that were not a call's first. */
  replays: number;
  /** Attempts that the server refused to run. */
  refusals: number;
  /** Calls that were not sent again because the retry budget was empty. */
  budgetRefusals: number;
}

const counts = [
  'calls',
  'failures',
  'unknownOutcomes',
  'attempts',
  'failedAttempts',
  'replays',
  'refusals',
  'budgetRefusals',
] as const satisfies readonly (keyof Tally)[];

/** Nothing counted. */
export function emptyTally(): Tally {
  return {
    calls: 0,
    failures: 0,
    unknownOutcomes: 0,
    attempts: 0,
    failedAttempts: 0,
    replays: 0,
    refusals: 0,
    budgetRefusals: 0,
  };
}

function addTally(sum: Tally, tally: Tally): void {
  for (const name of counts) sum[name] += tally[name];
}

/** A part of the window. */
interface Slice {
  /** Which one since the beginning; its place in the ring follows from it. */
  index: number;
  readonly tally: Tally;
  readonly latencies: Histogram;
}

/**
 * The figures of one verb, over a window of the last {@link slices} slices, and since the beginning.
 * Each slice is used again when its time has come once more: nothing is allocated for a call, and
 * no timer runs.
 */
export class Figures {
  readonly verb: string;
  readonly #startedAt: number;
  readonly #ring: (Slice | undefined)[] = new Array(slices).fill(undefined);
  /** What was counted in slices that are used again. */
  readonly #retired: Tally = emptyTally();
  #current: Slice;
  #currentEndsAt: number;

  /**
   * @param startedAt when the slices begin, on the clock from which all times here are
   * @param now not before that
   */
  constructor(verb: string, startedAt: number, now: number) {
    this.verb = verb;
    this.#startedAt = startedAt;
    this.#current = this.#sliceAt(now);
    this.#currentEndsAt = this.#endOf(this.#current);
  }

  /** Calls were answered with a reply: by their last attempts, and as their callers see it. */
  replied(now: number, latencyMs: number, calls = 1): void {
    const { tally, latencies } = this.#at(now);
    tally.attempts += calls;
    tally.calls += calls;
    count(latencies, latencyMs, calls);
  }

  /** An attempt ended. */
  attempted(now: number, isReply: boolean): void {
    const { tally } = this.#at(now);
    tally.attempts++;
    if (!isReply) tally.failedAttempts++;
  }

  /** A call settled, as its caller sees it. */
  settled(now: number, latencyMs: number, how: 'well' | 'failed' | 'unknown'): void {
    const { tally, latencies } = this.#at(now);
    tally.calls++;
    count(latencies, latencyMs);
    if (how === 'well') return;
    tally.failures++;
    if (how === 'unknown') tally.unknownOutcomes++;
  }

  /** A call failed before it was made: there is no time that it took. */
  notMade(now: number): void {
    const { tally } = this.#at(now);
    tally.calls++;
    tally.failures++;
  }

  /** An attempt was sent, or came, that was not its call's first. */
  replayed(now: number): void {
    this.#at(now).tally.replays++;
  }

  /** The server did not run an attempt. */
  refused(now: number): void {
    this.#at(now).tally.refusals++;
  }

  /** The retry budget was empty: a call that could have been sent again was not. */
  budgetRefused(now: number): void {
    this.#at(now).tally.budgetRefusals++;
  }

  /** Adds what the window holds to `tally` and `latencies`. */
  addWindow(now: number, tally: Tally, latencies: Histogram): void {
    const oldest = this.#indexAt(now) - slices + 1;
    for (const slice of this.#ring) {
      if (slice === undefined || slice.index < oldest) continue;
      addTally(tally, slice.tally);
      add(latencies, slice.latencies);
    }
  }

  /** What was counted since the beginning. */
  total(): Tally {
    const sum = { ...this.#retired };
    for (const slice of this.#ring) if (slice !== undefined) addTally(sum, slice.tally);
    return sum;
  }

  #at(now: number): Slice {
    if (now >= this.#currentEndsAt) {
      this.#current = this.#sliceAt(now);
      this.#currentEndsAt = this.#endOf(this.#current);
    }
    return this.#current;
  }

  #sliceAt(now: number): Slice {
    const index = this.#indexAt(now);
    const place = index % slices;
    const old = this.#ring[place];
    if (old === undefined) {
      const slice = { index, tally: emptyTally(), latencies: newHistogram() };
      this.#ring[place] = slice;
      return slice;
    }
    addTally(this.#retired, old.tally);
    Object.assign(old.tally, emptyTally());
    old.latencies.fill(0);
    old.index = index;
    return old;
  }

  #indexAt(now: number): number {
    return Math.max(0, Math.floor((now - this.#startedAt) / sliceMs));
  }

  #endOf({ index }: Slice): number {
    return this.#startedAt + (index + 1) * sliceMs;
  }
}
