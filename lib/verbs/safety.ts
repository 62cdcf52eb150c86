/**
 * What repeating a verb does, from the safest to the strictest.
 *
 * - `read`: changes nothing.
 * - `idempotent`: leaves the same state.
 * - `semi`: fails noisily when the first succeeded, corrupts nothing (lock, unlock, create).
 * - `once`: harmful, but carries a key; the server executes it at most once for each key.
 * - `mutate`: harmful. Unmarked and unknown verbs are this.
 *
 * The classes are Bazaar's (`read`, `idem`, `semi`, `mutate`) and one of our own (`once`).
 */
export const safeties = ['read', 'idempotent', 'semi', 'once', 'mutate'] as const;

/** One of {@link safeties}. */
export type Safety = (typeof safeties)[number];

/**
 * How far a client replays calls that may have run: the loosest class that it still sends again.
 * `never` switches replay off altogether, also for calls that were provably not sent.
 */
export const replaySettings = ['never', 'read', 'idempotent', 'semi'] as const;

/** One of {@link replaySettings}. */
export type ReplaySetting = (typeof replaySettings)[number];

/** True for one of {@link safeties}. */
export function isSafety(value: unknown): value is Safety {
  return safeties.includes(value as Safety);
}

/** The stricter of two classes: what holds when client and server disagree. */
export function stricter(one: Safety, other: Safety): Safety {
  return safeties.indexOf(one) >= safeties.indexOf(other) ? one : other;
}
