import type { Medium } from '../media/medium.ts';

/** How long an address that failed is passed over while there is another. */
const avoidMs = 10_000;

/**
 * The addresses of a client. Each dial goes to one by chance, so that the clients of a server that
 * died spread over the others; those that failed lately are passed over while there is another.
 */
export class Endpoints {
  readonly #media: readonly Medium[];
  readonly #random: () => number;
  /** Until when an address is passed over. */
  readonly #avoidUntil = new Map<Medium, number>();

  constructor(media: readonly Medium[], random: () => number) {
    this.#media = media;
    this.#random = random;
  }

  /** How many addresses there are. */
  get count(): number {
    return this.#media.length;
  }

  /** Where to dial next. */
  choose(now: number): Medium {
    const good = this.#media.filter((medium) => this.#avoidedUntil(medium) <= now);
    if (good.length > 0) return good[Math.floor(this.#random() * good.length)] as Medium;
    // All have failed lately: the one whose failure is the longest ago.
    return this.#media.reduce((best, medium) =>
      this.#avoidedUntil(medium) < this.#avoidedUntil(best) ? medium : best,
    );
  }

  /** A dial failed, or a link was lost, or the server there drains. */
  failed(medium: Medium, now: number): void {
    this.#avoidUntil.set(medium, now + avoidMs);
  }

  /** A link has proved useful. */
  succeeded(medium: Medium): void {
    this.#avoidUntil.delete(medium);
  }

  #avoidedUntil(medium: Medium): number {
    return this.#avoidUntil.get(medium) ?? Number.NEGATIVE_INFINITY;
  }
}
