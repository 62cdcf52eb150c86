import type { Clock, Timer } from '../util/clock.ts';

/** A callback that arms itself again for the same instant would otherwise hang the test. */
const maxRounds = 100_000;

export interface VirtualClockOptions {
  /**
   * Who turns the event loop for {@link Clock.nextTurn}. `fake` (the default): the test, by
   * {@link VirtualClock.advance} and {@link VirtualClock.turn}. `real`: Node's own loop, for tests in
   * which a real socket brings the news that a turn is there to wait for.
   */
  readonly turns?: 'fake' | 'real';
  /** What the clock shows first; not 0 by default, since no real clock starts there. */
  readonly startMs?: number;
}

/**
 * A clock that stands still until a test moves it. Timers are called in the order in which they are
 * due, those due at one instant in the order in which they were set, with the clock showing the
 * instant for which each was set.
 *
 * With real sockets: `const clock = new VirtualClock({ turns: 'real' })`, pass it as `clock` to client
 * and server, wait for an event, then `clock.advance(ms)` or `await clock.pass(ms)`.
 */
export class VirtualClock implements Clock {
  #now: number;
  #sleptMs = 0;
  readonly #hasRealTurns: boolean;
  #timers: VirtualTimer[] = [];
  #turns: (() => void)[] = [];

  constructor({ turns = 'fake', startMs = 1_000 }: VirtualClockOptions = {}) {
    this.#now = startMs;
    this.#hasRealTurns = turns === 'real';
  }

  now(): number {
    return this.#now;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = new VirtualTimer(callback, this.#now + Math.max(0, delayMs));
    this.#timers.push(timer);
    return timer;
  }

  nextTurn(callback: () => void): void {
    if (this.#hasRealTurns) setImmediate(callback);
    else this.#turns.push(callback);
  }

  /** Timers that are set, whether they keep a process alive or not. */
  get timers(): number {
    this.#forget();
    return this.#timers.length;
  }

  /** Callbacks that wait for the next turn. */
  get waitingTurns(): number {
    return this.#turns.length;
  }

  /** True when a process on this clock would not end by itself. */
  get keepsAlive(): boolean {
    this.#forget();
    return this.#turns.length > 0 || this.#timers.some(({ isRef }) => isRef);
  }

  /** When the next timer is due, if one is set. */
  get nextDueAt(): number | undefined {
    return this.#next()?.dueAt;
  }

  /**
   * Lets the time pass with an event loop that is never late: runs every timer at its instant and
   * the turns asked for in between, until nothing is left to do before the end.
   */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (let round = 0; this.#step(until); round++) bound(round);
    this.#now = until;
  }

  /**
   * Like {@link advance}, and Node's own event loop turns between the steps, so that promises,
   * sockets and memory media move on while the time passes.
   */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    await realTurns();
    for (let round = 0; this.#step(until); round++) {
      bound(round);
      await realTurns();
    }
    this.#now = until;
  }

  /** The time goes on and nothing runs: the event loop is blocked, or the process stopped. */
  block(ms: number): void {
    this.#now += ms;
  }

  /** The machine sleeps, and this clock with it: {@link now} does not go on. */
  sleep(ms: number): void {
    this.#sleptMs += ms;
  }

  sleptMs(): number {
    return this.#sleptMs;
  }

  /** One turn of the event loop at this instant: the timers that are due, then the turns asked for. */
  turn(): void {
    for (const timer of this.#dueNow()) timer.fire();
    const turns = this.#turns;
    this.#turns = [];
    for (const callback of turns) callback();
  }

  /** One turn, or a leap to the next timer; false when nothing is left to do until then. */
  #step(until: number): boolean {
    if (this.#turns.length === 0) {
      const next = this.#next();
      if (next === undefined || next.dueAt > until) return false;
      this.#now = Math.max(this.#now, next.dueAt);
    }
    this.turn();
    return true;
  }

  #dueNow(): VirtualTimer[] {
    const due = this.#timers.filter(({ dueAt }) => dueAt <= this.#now);
    // The sort is stable: what was set first comes first.
    return due.sort((one, other) => one.dueAt - other.dueAt);
  }

  #next(): VirtualTimer | undefined {
    this.#forget();
    let next: VirtualTimer | undefined;
    for (const timer of this.#timers) {
      if (next === undefined || timer.dueAt < next.dueAt) next = timer;
    }
    return next;
  }

  #forget(): void {
    this.#timers = this.#timers.filter(({ isSet }) => isSet);
  }
}

class VirtualTimer implements Timer {
  isRef = true;
  readonly dueAt: number;
  #callback: (() => void) | undefined;

  constructor(callback: () => void, dueAt: number) {
    this.#callback = callback;
    this.dueAt = dueAt;
  }

  get isSet(): boolean {
    return this.#callback !== undefined;
  }

  fire(): void {
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.();
  }

  cancel(): void {
    this.#callback = undefined;
  }

  ref(): void {
    this.isRef = true;
  }

  unref(): void {
    this.isRef = false;
  }
}

function bound(round: number): void {
  if (round >= maxRounds) throw new Error(`More than ${maxRounds} steps at one go`);
}

/** Enough turns for a message and its answer to cross a medium inside this process. */
async function realTurns(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
}
