/** Most calls whose handlers are told that nobody waits for them any more. */
const maxAbandoned = 1_000;

const nothing: readonly number[] = [];

/**
 * Numbers of calls that were given up, while in doubt or on a link: the next link tells the server, for
 * the one before may have been lost with the word. The newest count.
 */
export class Abandoned {
  readonly #numbers: number[] = [];

  add(number: number): void {
    if (this.#numbers.length >= 2 * maxAbandoned) this.#numbers.splice(0, maxAbandoned);
    this.#numbers.push(number);
  }

  take(): readonly number[] {
    return this.#numbers.length === 0 ? nothing : this.#numbers.splice(0).slice(-maxAbandoned);
  }
}
