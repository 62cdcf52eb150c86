/**
 * A log-linear histogram of durations, after HdrHistogram (Gil Tene): values below 32 µs have a
 * bucket each, and every doubling above is cut into 16 buckets of equal width. What is read from it
 * is the middle of a bucket, which is at most 1/32 (3.1 %), or half a microsecond, beside the true
 * value. It is one array of fixed length: counting is one addition and allocates nothing.
 */
export type Histogram = Uint32Array;

/** Longest duration that is told from longer ones: about 36 minutes. */
const maxMicros = 2 ** 31 - 1;

/** Buckets of one doubling, as a power of two. */
const subBits = 4;

const buckets = bucketOf(maxMicros) + 1;

/** An empty histogram: 448 counts, 1.8 KiB. */
export function newHistogram(): Histogram {
  return new Uint32Array(buckets);
}

/** Counts a duration that so many things took. */
export function count(histogram: Histogram, durationMs: number, times = 1): void {
  const micros = durationMs * 1_000;
  // Also what is no number, and what a clock that went back would give, is counted.
  const bucket = micros > 0 ? bucketOf(Math.min(micros, maxMicros) | 0) : 0;
  histogram[bucket] = (histogram[bucket] as number) + times;
}

/** Adds the counts of `other`. */
export function add(histogram: Histogram, other: Histogram): void {
  for (let bucket = 0; bucket < buckets; bucket++) {
    histogram[bucket] = (histogram[bucket] as number) + (other[bucket] as number);
  }
}

/**
 * The durations, in ms, that these shares of all were not longer than; undefined for an empty
 * histogram.
 *
 * @param shares from 0 to 1, in growing order
 */
export function quantiles(histogram: Histogram, shares: readonly number[]): (number | undefined)[] {
  let total = 0;
  for (const counted of histogram) total += counted;
  let seen = 0;
  let bucket = -1;
  return shares.map((share) => {
    if (total === 0) return undefined;
    const rank = Math.max(1, Math.ceil(share * total));
    while (seen < rank) seen += histogram[++bucket] as number;
    return middleOf(bucket) / 1_000;
  });
}

function bucketOf(micros: number): number {
  const doublings = Math.max(0, 31 - subBits - Math.clz32(micros));
  return (doublings << subBits) + (micros >>> doublings);
}

/** The inverse of {@link bucketOf}, in µs. */
function middleOf(bucket: number): number {
  const doublings = Math.max(0, (bucket >> subBits) - 1);
  const lowest = (bucket - (doublings << subBits)) * 2 ** doublings;
  return lowest + 2 ** doublings / 2;
}
