/** Bounds of the delays between tries. */
export interface BackoffBounds {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * How long to wait before the n-th try, counted from 0: the first goes at once, then full jitter,
 * `random(0, min(cap, base * 2^(n-1)))` (AWS Architecture Blog, "Exponential Backoff And Jitter").
 *
 * @param random yields numbers from 0 to below 1
 */
export function backoffMs(tries: number, bounds: BackoffBounds, random: () => number): number {
  if (tries <= 0) return 0;
  return random() * Math.min(bounds.capMs, bounds.baseMs * 2 ** Math.min(tries - 1, 52));
}
