/** Silences shorter than this say nothing about a path's idle limit. */
const leastIdleMs = 1_000;

/**
 * What a client learns about how long its path may be silent (a proxy's or a NAT's idle limit).
 * Found dead after 40 s of silence, it is verified from then on after 20 s.
 */
export class IdleLife {
  #limitMs = Number.POSITIVE_INFINITY;

  /** The shortest silence after which the path was found dead, and not alive later. */
  get limitMs(): number {
    return this.#limitMs;
  }

  /** After how long a silence the path should be verified, given what the application allows. */
  verifyAfterMs(configuredMs: number): number {
    return Math.min(configuredMs, this.#limitMs / 2);
  }

  /** The path was found dead after so much silence. */
  died(silentMs: number): void {
    if (silentMs >= leastIdleMs && silentMs < this.#limitMs) this.#limitMs = silentMs;
  }

  /** The path was found alive after so much silence: an idle limit below that is refuted. */
  lived(silentMs: number): void {
    if (silentMs >= this.#limitMs) this.#limitMs = Number.POSITIVE_INFINITY;
  }
}
