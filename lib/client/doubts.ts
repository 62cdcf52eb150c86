import { maxResumed } from '../protocols/holdfast/verdicts.ts';
import type { Call } from './call.ts';
import type { CallTable } from './call-table.ts';
import type { ClientLink } from './client-link.ts';

/** Calls that were on links which are gone, and wait to hear their fate: the server may know it. */
export class Doubts {
  readonly #table: CallTable;
  readonly #onAdded: () => void;
  #size = 0;

  /** @param onAdded a link is needed */
  constructor(table: CallTable, onAdded: () => void) {
    this.#table = table;
    this.#onAdded = onAdded;
  }

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** True when one hello can ask for all of them. */
  get areFew(): boolean {
    return this.#size <= maxResumed;
  }

  /** The call was on this link. */
  add(call: Call, link: ClientLink): void {
    call.past.lostLink = link;
    call.past.askedOn = undefined;
    this.#size++;
    this.#onAdded();
  }

  /** Oldest first. */
  all(): Call[] {
    return this.#size === 0 ? [] : this.#table.filter(({ lostLink }) => lostLink !== undefined);
  }

  /** The numbers of the oldest, and of calls on a link that the hello ends, as many as it can ask for. */
  numbers(ended: ClientLink | undefined): readonly number[] {
    if (this.#size === 0 && ended === undefined) return [];
    const found = this.#table.filter(
      ({ lostLink, link }) => lostLink !== undefined || (link !== undefined && link === ended),
    );
    return found.slice(0, maxResumed).map(({ number }) => number);
  }

  /** The call's fate is known, or nobody waits for it any more. */
  resolve(call: Call): void {
    if (call.lostLink === undefined) return;
    call.past.lostLink = undefined;
    this.#size--;
  }
}
