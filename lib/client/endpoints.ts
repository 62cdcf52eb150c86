import { isHoldfastError } from '../errors.ts';
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
  readonly #maxRetryAfterMs: number;
  /** Until when an address is passed over. */
  readonly #avoidUntil = new Map<Medium, number>();
  /** Until when a server has asked to be left alone. */
  readonly #restsUntil = new Map<Medium, number>();

  constructor(
    media: readonly Medium[],
    {
      random,
      maxRetryAfterMs,
    }: { readonly random: () => number; readonly maxRetryAfterMs: number },
  ) {
    this.#media = media;
    this.#random = random;
    this.#maxRetryAfterMs = maxRetryAfterMs;
  }

  /** How many addresses there are. */
  get count(): number {
    return this.#media.length;
  }

  /** Where to dial next. */
  choose(now: number): Medium {
    const willing = this.#media.filter((medium) => timeIn(this.#restsUntil, medium) <= now);
    const all = willing.length > 0 ? willing : this.#media;
    const good = all.filter((medium) => timeIn(this.#avoidUntil, medium) <= now);
    if (good.length > 0) return good[Math.floor(this.#random() * good.length)] as Medium;
    // All have failed lately: the one whose failure is the longest ago.
    return all.reduce((best, medium) =>
      timeIn(this.#avoidUntil, medium) < timeIn(this.#avoidUntil, best) ? medium : best,
    );
  }

  /**
   * A dial failed, or a link was lost, or the server there drains.
   *
   * @param failure may say how long the server wants to be left alone
   */
  failed(medium: Medium, now: number, failure?: Error): void {
    this.#avoidUntil.set(medium, now + avoidMs);
    const askedMs = isHoldfastError(failure) ? failure.retryAfterMs : undefined;
    if (askedMs === undefined) return;
    this.#restsUntil.set(medium, now + Math.min(askedMs, this.#maxRetryAfterMs));
  }

  /** A link has proved useful. */
  succeeded(medium: Medium): void {
    this.#avoidUntil.delete(medium);
    this.#restsUntil.delete(medium);
  }
}

function timeIn(times: ReadonlyMap<Medium, number>, medium: Medium): number {
  return times.get(medium) ?? Number.NEGATIVE_INFINITY;
}
