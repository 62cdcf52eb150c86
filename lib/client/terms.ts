import type { Due, TimerWheel } from '../retry/timer-wheel.ts';

/** A call, as far as its time goes. */
export interface TimedCall {
  term: Term | undefined;
}

/**
 * The time of calls that began together and may take equally long. It is one entry on the wheel for
 * all of them: with an entry for each call, a client with many in flight had 5 % more to do.
 */
export class Term implements Due {
  /** When they began. */
  readonly madeAt: number;
  dueAt: number;
  wheelNext: Due | undefined;
  wheelPrevious: Due | undefined;
  /** How many calls have it. */
  calls = 0;
  readonly #terms: Terms;

  constructor(terms: Terms, madeAt: number, dueAt: number) {
    this.#terms = terms;
    this.madeAt = madeAt;
    this.dueAt = dueAt;
  }

  /** Gives one of its calls another deadline; `Infinity`: none. */
  move(call: TimedCall, dueAt: number): void {
    this.#terms.leave(call);
    this.#terms.begin(call, this.madeAt, dueAt);
  }

  onDue(): void {
    this.#terms.onDue();
  }
}

/** The terms of one client's calls. */
export class Terms {
  /** Called when there are calls whose time is over. */
  readonly onDue: () => void;
  readonly #wheel: TimerWheel;
  #last: Term = new Term(this, Number.NaN, Number.NaN);

  constructor(wheel: TimerWheel, onDue: () => void) {
    this.#wheel = wheel;
    this.onDue = onDue;
  }

  /** The time of a call begins. */
  begin(call: TimedCall, madeAt: number, dueAt: number): void {
    if (this.#last.madeAt !== madeAt || this.#last.dueAt !== dueAt) {
      this.#last = new Term(this, madeAt, dueAt);
    }
    const term = this.#last;
    call.term = term;
    term.calls++;
    // All others may have left it meanwhile, or it was due in this very instant.
    if (term.wheelNext === undefined && dueAt < Number.POSITIVE_INFINITY) {
      this.#wheel.add(term, dueAt);
    }
  }

  /** Nothing happens any more when the call's time is over. To be called once. */
  leave({ term }: TimedCall): void {
    if (term !== undefined && --term.calls === 0) this.#wheel.remove(term);
  }
}
