import type { Call } from './call.ts';

/** Slots of a new table. */
const firstCapacity = 64;

/**
 * The calls that are pending, by number. Numbers only grow and are never used twice in a session.
 * A call's slot is its number modulo the table's size; a number whose slot is taken is skipped, so
 * finding a call is one array access and nothing is ever searched.
 */
export class CallTable {
  #slots: (Call | undefined)[] = new Array(firstCapacity).fill(undefined);
  #mask = firstCapacity - 1;
  #next = 1;
  #lowest = 1;
  #size = 0;

  /** How many calls are pending. */
  get size(): number {
    return this.#size;
  }

  /** The number of the next call. It stays the same until {@link add}. */
  nextNumber(): number {
    if (this.#size * 2 > this.#mask) this.#grow();
    while (this.#slots[this.#next & this.#mask] !== undefined) this.#next++;
    return this.#next;
  }

  /** Behind all numbers that were given to calls, or skipped. */
  get unused(): number {
    return this.#next;
  }

  /** Adds a call under the number that {@link nextNumber} gave. */
  add(call: Call): void {
    this.#slots[call.number & this.#mask] = call;
    this.#next = call.number + 1;
    this.#size++;
  }

  get(number: number): Call | undefined {
    // `&` takes the low 32 bits of larger numbers, which is all that the mask needs.
    const call = this.#slots[number & this.#mask];
    return call !== undefined && call.number === number ? call : undefined;
  }

  /** All calls below this number have settled. */
  lowestPending(): number {
    while (this.#lowest < this.#next && this.get(this.#lowest) === undefined) this.#lowest++;
    return this.#lowest;
  }

  delete(call: Call): void {
    this.#slots[call.number & this.#mask] = undefined;
    this.#size--;
  }

  /** True for numbers that were given to calls, or skipped. */
  wasGiven(number: number): boolean {
    return number >= 1 && number < this.#next;
  }

  /** All pending calls that satisfy `test`, oldest first. */
  filter(test: (call: Call) => boolean): Call[] {
    const found: Call[] = [];
    for (const call of this.#slots) if (call !== undefined && test(call)) found.push(call);
    return found.sort((one, other) => one.number - other.number);
  }

  #grow(): void {
    const old = this.#slots;
    const capacity = old.length * 2;
    this.#slots = new Array(capacity).fill(undefined);
    this.#mask = capacity - 1;
    // Numbers that differ modulo the old size differ modulo the new one.
    for (const call of old) if (call !== undefined) this.#slots[call.number & this.#mask] = call;
  }
}
