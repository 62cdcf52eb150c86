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

/**
 * How long to wait before the n-th try, counted from 1, when the far end asks to wait `leastMs`: so
 * long, and on top of it full jitter, at first up to as much again, so that those who were told the
 * same do not come back together. A hint that fits into the time that is left is not made to miss it
 * by chance.
 */
export function hintedMs(
  tries: number,
  { baseMs, capMs }: BackoffBounds,
  leastMs: number,
  leftMs: number,
  random: () => number,
): number {
  if (leastMs <= 0) return backoffMs(tries, { baseMs, capMs }, random);
  const bounds = { baseMs: Math.max(baseMs, leastMs), capMs: Math.max(capMs, leastMs) };
  const jitterMs = Math.min(
    backoffMs(tries, bounds, () => 1),
    Math.max(0, leftMs - leastMs),
  );
  return leastMs + random() * jitterMs;
}
