import type { Call } from './call.ts';

/** Calls that wait to be sent, first come, first served; calls to be sent again go first. */
export class CallQueue {
  #first: Call | undefined;
  #last: Call | undefined;
  #waiting = 0;

  /** How many calls wait. */
  get waiting(): number {
    return this.#waiting;
  }

  push(call: Call): void {
    const last = this.#last;
    call.isQueued = true;
    call.queuePrevious = last;
    this.#last = call;
    if (last === undefined) this.#first = call;
    else last.queueNext = call;
    this.#waiting++;
  }

  /** Takes the next call off. */
  shift(): Call | undefined {
    const call = this.#first;
    if (call !== undefined) this.drop(call);
    return call;
  }

  /** The next call, which stays where it is. */
  peek(): Call | undefined {
    return this.#first;
  }

  /** Puts calls in front of all others, in their order. */
  pushFront(calls: readonly Call[]): void {
    for (let index = calls.length - 1; index >= 0; index--) this.#unshift(calls[index] as Call);
  }

  #unshift(call: Call): void {
    const first = this.#first;
    call.isQueued = true;
    call.queueNext = first;
    this.#first = call;
    if (first === undefined) this.#last = call;
    else first.queuePrevious = call;
    this.#waiting++;
  }

  /** The call need not be sent any more. */
  drop(call: Call): void {
    if (!call.isQueued) return;
    const { queueNext, queuePrevious } = call;
    if (queuePrevious === undefined) this.#first = queueNext;
    else queuePrevious.queueNext = queueNext;
    if (queueNext === undefined) this.#last = queuePrevious;
    else queueNext.queuePrevious = queuePrevious;
    call.queueNext = undefined;
    call.queuePrevious = undefined;
    call.isQueued = false;
    this.#waiting--;
  }

  /** The waiting calls, in their order. */
  all(): Call[] {
    const calls: Call[] = [];
    for (let call = this.#first; call !== undefined; call = call.queueNext) calls.push(call);
    return calls;
  }

  /** True when one of the next `most` calls satisfies `test`. */
  someOfNext(most: number, test: (call: Call) => boolean): boolean {
    let left = most;
    for (let call = this.#first; call !== undefined && left > 0; call = call.queueNext) {
      if (test(call)) return true;
      left--;
    }
    return false;
  }
}
