/** Most calls whose handlers are told that nobody waits for them any more. */
const maxAbandoned = 1_000;

const nothing: readonly number[] = [];

/** Numbers of calls that were given up while in doubt, until the server is told. */
export class Abandoned {
  readonly #numbers: number[] = [];

  add(number: number): void {
    if (this.#numbers.length < maxAbandoned) this.#numbers.push(number);
  }

  take(): readonly number[] {
    return this.#numbers.length === 0 ? nothing : this.#numbers.splice(0);
  }
}
