import type { Clock, Timer } from '../../lib/util/clock.ts';
import type { Entry } from './heap.ts';
import { phases, type Runner, type World } from './world.ts';

/** How long one turn of an event loop takes, in ms. */
const turnMs = 0.02;

/**
 * A process of its own: a clock, an event loop that can be blocked, and an end. What is due while
 * it is blocked happens afterwards, timers first, then what came in, then the turns asked for.
 */
export class Process implements Clock, Runner {
  readonly name: string;
  readonly world: World;
  isAlive = true;
  /** On its clock: from when until when it could do nothing, or its clock leapt. */
  readonly gaps: { readonly from: number; readonly to: number }[] = [];
  /** How often a timer of it fired. */
  firings = 0;
  readonly #timers = new Set<ProcessTimer>();
  /** What the kernel closes when it ends. */
  readonly holdings = new Set<{ shut(): void }>();
  #aheadMs: number;
  #blockedUntil = 0;

  constructor(world: World, name: string, aheadMs: number) {
    this.world = world;
    this.name = name;
    this.#aheadMs = aheadMs;
  }

  now(): number {
    return this.world.now + this.#aheadMs;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = new ProcessTimer(this, callback, this.now() + Math.max(1, delayMs));
    this.#timers.add(timer);
    timer.entry = this.world.after(delayMs, timer.fire, this, phases.timer);
    return timer;
  }

  nextTurn(callback: () => void): void {
    this.world.after(turnMs, callback, this, phases.turn);
  }

  /** Something comes in from outside. */
  io(callback: () => void, delayMs = 0): Entry {
    return this.world.after(delayMs, callback, this, phases.io);
  }

  /** Resolves after so long; never if the process has ended by then. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.setTimer(resolve, delayMs);
    });
  }

  readyAt(now: number): number | undefined {
    return this.isAlive ? Math.max(now, this.#blockedUntil) : undefined;
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** True when one of them keeps the process alive. */
  get hasLastingTimer(): boolean {
    for (const { isRef } of this.#timers) if (isRef) return true;
    return false;
  }

  /** The event loop does not turn for so long. */
  block(ms: number): void {
    const until = this.world.now + ms;
    if (until <= this.#blockedUntil) return;
    this.gaps.push({ from: this.now(), to: this.now() + ms });
    this.#blockedUntil = until;
  }

  /** The clock goes on by so much at once, as that of a machine which was suspended. */
  leap(ms: number): void {
    const from = this.now();
    this.#aheadMs += ms;
    // Blocked as well, it goes on only when that is over.
    const to = Math.max(this.now(), this.#blockedUntil + this.#aheadMs);
    this.gaps.push({ from, to });
    for (const timer of this.#timers) {
      timer.entry.callback = undefined;
      timer.entry = this.world.after(timer.dueAt - this.now(), timer.fire, this, phases.timer);
    }
  }

  /** It ends at once, as by SIGKILL: nothing of it runs any more. */
  kill(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.#timers.clear();
    for (const holding of this.holdings) holding.shut();
    this.holdings.clear();
  }

  forget(timer: ProcessTimer): void {
    this.#timers.delete(timer);
  }
}

class ProcessTimer implements Timer {
  isRef = true;
  readonly dueAt: number;
  entry!: Entry;
  readonly #process: Process;
  readonly #callback: () => void;
  readonly fire = (): void => {
    this.#process.forget(this);
    this.#process.firings++;
    this.#callback();
  };

  constructor(process: Process, callback: () => void, dueAt: number) {
    this.#process = process;
    this.#callback = callback;
    this.dueAt = dueAt;
  }

  cancel(): void {
    this.entry.callback = undefined;
    this.#process.forget(this);
  }

  ref(): void {
    this.isRef = true;
  }

  unref(): void {
    this.isRef = false;
  }
}
