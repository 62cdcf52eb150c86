import type { Call } from './call.ts';
import type { CallTable } from './call-table.ts';
import { Waiting } from './waiting.ts';

/** That a call waits to be sent for the first time. */
const firstTime = new Waiting<Call>();

/**
 * Calls that wait to be sent, first come, first served; calls to be sent again go first.
 *
 * Those that are to be sent for the first time have no place of their own here: they follow one
 * another in the table. That is most calls, and each change of a list costs as much as a few checks.
 */
export class CallQueue {
  readonly #table: CallTable;
  /** The list of those that are to be sent again. */
  #first: Waiting<Call> | undefined;
  /** Below this number no call waits that is not in the list. */
  #next = 1;
  #waiting = 0;

  /** @param table has all calls that come here */
  constructor(table: CallTable) {
    this.#table = table;
  }

  /** How many calls wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Puts a call behind all others. It was added to the table after them. */
  push(call: Call): void {
    call.waiting = firstTime;
    this.#waiting++;
  }

  /** Takes the next call off. */
  shift(): Call | undefined {
    const call = this.peek();
    if (call === undefined) return undefined;
    if (call.waiting === firstTime) this.#next = call.number + 1;
    this.drop(call);
    return call;
  }

  /** The next call, which stays where it is. */
  peek(): Call | undefined {
    if (this.#waiting === 0) return undefined;
    if (this.#first !== undefined) return this.#first.call;
    const call = this.#newFrom(this.#next);
    if (call !== undefined) this.#next = call.number;
    return call;
  }

  /** Puts calls in front of all others, in their order. */
  pushFront(calls: readonly Call[]): void {
    for (let index = calls.length - 1; index >= 0; index--) this.#unshift(calls[index] as Call);
  }

  #unshift(call: Call): void {
    const first = this.#first;
    const waiting = new Waiting(call);
    call.waiting = waiting;
    waiting.next = first;
    this.#first = waiting;
    if (first !== undefined) first.previous = waiting;
    this.#waiting++;
  }

  /** The call need not be sent any more. */
  drop(call: Call): void {
    const { waiting } = call;
    if (waiting === undefined) return;
    if (waiting !== firstTime) this.#unlink(waiting);
    call.waiting = undefined;
    this.#waiting--;
  }

  #unlink({ next, previous }: Waiting<Call>): void {
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next !== undefined) next.previous = previous;
  }

  /** The waiting calls, in their order. */
  all(): Call[] {
    return [...this.#inOrder()];
  }

  /** True when one of the next `most` calls satisfies `test`. */
  someOfNext(most: number, test: (call: Call) => boolean): boolean {
    let left = most;
    for (const call of this.#inOrder()) {
      if (left-- <= 0) return false;
      if (test(call)) return true;
    }
    return false;
  }

  *#inOrder(): Iterable<Call> {
    for (let waiting = this.#first; waiting !== undefined; waiting = waiting.next) {
      yield waiting.call as Call;
    }
    for (let call = this.#newFrom(this.#next); call !== undefined; ) {
      yield call;
      call = this.#newFrom(call.number + 1);
    }
  }

  /** The first call from this number on that waits and was never sent. */
  #newFrom(first: number): Call | undefined {
    const table = this.#table;
    const { unused } = table;
    for (let number = first; number < unused; number++) {
      const call = table.get(number);
      if (call?.waiting === firstTime) return call;
    }
    return undefined;
  }
}
