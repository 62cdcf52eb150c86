import type { Clock } from '../util/clock.ts';
import { emptyTally, Figures, sliceMs, slices, type Tally } from './figures.ts';
import { newHistogram, quantiles } from './histogram.ts';

/** Most verbs that have a row of their own: names that come from elsewhere must not fill the memory. */
const maxRoutes = 1_000;

/** The row of all verbs beyond that. */
const others = '(others)';

/**
 * The figures of one verb over the last {@link Route.windowMs}. *Effective* is what callers saw,
 * *actual* what attempts came to; where calls are sent again the two differ. Shares are from 0 to 1
 * and, like the latencies, undefined when there was nothing in the window.
 */
export interface Route {
  readonly verb: string;
  /** Share of the settled calls that succeeded. */
  readonly effectiveSuccess: number | undefined;
  /** Settled calls a second. */
  readonly effectiveRate: number;
  /** Share of the ended attempts that brought a reply. */
  readonly actualSuccess: number | undefined;
  /** Ended attempts a second. */
  readonly actualRate: number;
  /** From the call until it settled, whether well or not; within 3.1 %. */
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
  readonly p99Ms: number | undefined;
  /** Attempts that were not their call's first. */
  readonly replays: number;
  /** Attempts that the server refused to run. */
  readonly refusals: number;
  /** Calls that were not sent again because the retry budget was empty. */
  readonly budgetRefusals: number;
  /** Calls that failed. */
  readonly failures: number;
  /** Failed calls of which nobody knows whether they ran. */
  readonly unknownOutcomes: number;
  /** What the window holds: 50 to 60 s, and less when there was less time yet. */
  readonly windowMs: number;
  /** The counts since the client or server was made. */
  readonly total: Readonly<Tally>;
}

/** The figures of all verbs of a client or a server. */
export class Routes {
  readonly clock: Clock;
  readonly #startedAt: number;
  readonly #byVerb = new Map<string, Figures>();

  constructor(clock: Clock) {
    this.clock = clock;
    this.#startedAt = clock.now();
  }

  /** The figures of a verb; made when they are asked for first. */
  of(verb: string): Figures {
    const name = this.#byVerb.size < maxRoutes ? verb : others;
    const known = this.#byVerb.get(verb) ?? this.#byVerb.get(name);
    if (known !== undefined) return known;
    const figures = new Figures(name, this.#startedAt, this.clock.now());
    this.#byVerb.set(name, figures);
    return figures;
  }

  /** One row for each verb that was used, by name. */
  rows(): Route[] {
    const now = this.clock.now();
    const sinceStartMs = now - this.#startedAt;
    const windowMs = Math.min(sinceStartMs, (slices - 1) * sliceMs + (sinceStartMs % sliceMs));
    const rows: Route[] = [];
    for (const figures of this.#byVerb.values()) {
      const total = figures.total();
      if (total.calls + total.attempts > 0) rows.push(rowOf(figures, total, now, windowMs));
    }
    return rows.sort((one, other) => (one.verb < other.verb ? -1 : 1));
  }
}

function rowOf(figures: Figures, total: Tally, now: number, windowMs: number): Route {
  const tally = emptyTally();
  const latencies = newHistogram();
  figures.addWindow(now, tally, latencies);
  const { calls, failures, unknownOutcomes, attempts, failedAttempts } = tally;
  const { replays, refusals, budgetRefusals } = tally;
  const [p50Ms, p95Ms, p99Ms] = quantiles(latencies, [0.5, 0.95, 0.99]);
  const seconds = Math.max(windowMs, 1) / 1_000;
  return {
    verb: figures.verb,
    effectiveSuccess: calls === 0 ? undefined : (calls - failures) / calls,
    effectiveRate: calls / seconds,
    actualSuccess: attempts === 0 ? undefined : (attempts - failedAttempts) / attempts,
    actualRate: attempts / seconds,
    p50Ms,
    p95Ms,
    p99Ms,
    replays,
    refusals,
    budgetRefusals,
    failures,
    unknownOutcomes,
    windowMs,
    total,
  };
}
