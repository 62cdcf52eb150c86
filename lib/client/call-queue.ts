import type { Call } from './call.ts';

/** What was taken or settled may lie in the queue until it is this much and the majority. */
const maxStale = 64;

/** Calls that wait to be sent, first come, first served; calls to be sent again go first. */
export class CallQueue {
  #calls: (Call | undefined)[] = [];
  #first = 0;
  #waiting = 0;

  /** How many calls wait; those that were settled meanwhile are not counted. */
  get waiting(): number {
    return this.#waiting;
  }

  push(call: Call): void {
    call.isQueued = true;
    this.#calls.push(call);
    this.#waiting++;
  }

  /** The next call that still waits. */
  shift(): Call | undefined {
    while (this.#first < this.#calls.length) {
      const call = this.#take();
      if (!call.isQueued) continue;
      call.isQueued = false;
      this.#waiting--;
      if (this.#waiting === 0) this.#clear();
      return call;
    }
    this.#clear();
    return undefined;
  }

  /** The next call that still waits, which stays where it is. */
  peek(): Call | undefined {
    while (this.#first < this.#calls.length) {
      const call = this.#calls[this.#first];
      if (call?.isQueued) return call;
      this.#first++;
    }
    return undefined;
  }

  /** Puts calls in front of all others, in their order. */
  pushFront(calls: readonly Call[]): void {
    for (const call of calls) call.isQueued = true;
    this.#calls = [...calls, ...this.#calls.slice(this.#first)];
    this.#first = 0;
    this.#waiting += calls.length;
  }

  /** The call need not be sent any more. */
  drop(call: Call): void {
    if (!call.isQueued) return;
    call.isQueued = false;
    this.#waiting--;
    if (this.#waiting === 0) {
      this.#clear();
      return;
    }
    const stale = this.#calls.length - this.#first - this.#waiting;
    if (stale <= maxStale || stale <= this.#waiting) return;
    this.#calls = this.#calls.slice(this.#first).filter((queued) => queued?.isQueued);
    this.#first = 0;
  }

  /** The waiting calls, in their order. */
  all(): Call[] {
    return this.#calls.slice(this.#first).filter((call) => call?.isQueued) as Call[];
  }

  /** True when one of the waiting calls satisfies `test`. */
  some(test: (call: Call) => boolean): boolean {
    for (let index = this.#first; index < this.#calls.length; index++) {
      const call = this.#calls[index];
      if (call?.isQueued && test(call)) return true;
    }
    return false;
  }

  /** Takes the first off; a queue that is never empty must not keep the places of all before. */
  #take(): Call {
    const call = this.#calls[this.#first] as Call;
    this.#calls[this.#first++] = undefined;
    if (this.#first > maxStale && this.#first * 2 > this.#calls.length) {
      this.#calls = this.#calls.slice(this.#first);
      this.#first = 0;
    }
    return call;
  }

  #clear(): void {
    this.#calls.length = 0;
    this.#first = 0;
  }
}
