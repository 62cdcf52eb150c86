import { type Entry, Heap } from './heap.ts';

/** What runs an entry: the world itself, or a process that may be dead or blocked by then. */
export interface Runner {
  /** When it can run something that is due: now, later, or never (`undefined`). */
  readyAt(now: number): number | undefined;
}

/** In what order things happen in a process that finds several of them: as in Node's event loop. */
export const phases = { timer: 0, io: 1, turn: 2 } as const;

/** Entries that are run before the event loop really turns: turning it costs more than an entry. */
const perTurn = 256;

/**
 * Time and what happens in it. It stands still while something is left to do at the moment: each
 * entry that runs code of the library is a callback of its own for Node, so that all ticks and
 * promises that follow from it have run before the next. That is all the library does by itself:
 * timers, turns of the event loop and bytes come from here.
 */
export class World {
  now = 0;
  /** Lines of the trace, if one is wanted. */
  readonly trace: string[] | undefined;
  /** What was thrown where nobody catches it. */
  readonly uncaught: unknown[] = [];
  readonly #heap = new Heap();
  #sequence = 0;
  #isStopped = false;
  steps = 0;

  constructor(isTraced: boolean) {
    this.trace = isTraced ? [] : undefined;
  }

  log(text: () => string): void {
    this.trace?.push(`${this.now.toFixed(3).padStart(12)}  ${text()}`);
  }

  /** Calls back after so long; `runner` says who does, and so whether it can. */
  after(delayMs: number, callback: () => void, runner?: Runner, phase: number = phases.io): Entry {
    const at = this.now + Math.max(0, delayMs);
    const entry: Entry = { at, phase, sequence: this.#sequence++, callback, runner };
    this.#heap.push(entry);
    return entry;
  }

  /** Nothing more happens. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Lets the time pass until then, or until {@link stop}. */
  run(until: number): Promise<void> {
    return new Promise((resolve) => {
      let left = 0;
      const step = (): void => {
        left--;
        const isOver = this.#isStopped || !this.#step(until);
        if (left > 0) return;
        if (isOver) {
          if (!this.#isStopped) this.now = Math.max(this.now, until);
          resolve();
        } else {
          turn();
        }
      };
      const turn = (): void => {
        left = perTurn;
        for (let index = 0; index < perTurn; index++) setImmediate(step);
      };
      turn();
    });
  }

  /** Runs what is due up to the first entry that runs code of a process; false when there is none. */
  #step(until: number): boolean {
    for (;;) {
      const entry = this.#heap.peek();
      if (entry === undefined || entry.at > until) return false;
      this.#heap.pop();
      const { callback, runner } = entry;
      if (callback === undefined) continue;
      this.now = Math.max(this.now, entry.at);
      const readyAt = runner === undefined ? this.now : runner.readyAt(this.now);
      if (readyAt === undefined) continue;
      if (readyAt > this.now) {
        entry.at = readyAt;
        this.#heap.push(entry);
        continue;
      }
      this.steps++;
      entry.callback = undefined;
      try {
        callback();
      } catch (error) {
        this.uncaught.push(error);
      }
      if (runner !== undefined) return true;
    }
  }
}
