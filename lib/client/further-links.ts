import type { Protocol } from '../protocols/protocol.ts';
import type { ClientLink } from './client-link.ts';

/**
 * Links beside the first one, for calls that would have to wait because every link has as many as
 * it takes. Only where servers keep no sessions: a session has one link. They stay until they are
 * lost, or the client closes; one takes the place of the first when that goes.
 */
export class FurtherLinks {
  readonly #links = new Set<ClientLink>();
  readonly #most: number;
  readonly #maxInFlight: number;

  /** @param maxLinks of the client, the first one counted */
  constructor({ hasSessions, maxInFlight }: Protocol, maxLinks: number) {
    this.#most = hasSessions ? 0 : maxLinks - 1;
    this.#maxInFlight = maxInFlight;
  }

  /** There may be some. */
  get isPossible(): boolean {
    return this.#most > 0;
  }

  /** Calls wait that neither the first link can take nor any other. */
  isAnotherNeeded(first: ClientLink, waiting: number): boolean {
    if (waiting === 0 || this.#links.size >= this.#most) return false;
    return [first, ...this.#links].every(({ inFlight }) => inFlight >= this.#maxInFlight);
  }

  add(link: ClientLink): void {
    this.#links.add(link);
  }

  /** The link is gone. True if it was one of these. */
  delete(link: ClientLink): boolean {
    return this.#links.delete(link);
  }

  /** Takes one of them out. */
  take(): ClientLink | undefined {
    const [link] = this.#links;
    if (link !== undefined) this.#links.delete(link);
    return link;
  }

  /** Sends what waits. */
  pump(): void {
    for (const link of this.#links) link.pump();
  }
}
