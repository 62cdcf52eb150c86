import { Alarm, type TimerWheel } from '../retry/timer-wheel.ts';
import type { Clock } from '../util/clock.ts';

/** What {@link StoreGuard.within} gives for a store that does not answer in time. */
export const late: unique symbol = Symbol('late');

/** Waits for a completion store, but not without bound. */
export class StoreGuard {
  readonly timeoutMs: number;
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  /** What waits, and what to call when the server ends meanwhile. */
  readonly #alarms = new Map<Alarm, () => void>();
  #isStopped = false;

  constructor(clock: Clock, wheel: TimerWheel, timeoutMs: number) {
    this.#clock = clock;
    this.#wheel = wheel;
    this.timeoutMs = timeoutMs;
  }

  /** The server is at its end: nothing is tried again. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** What the store answers, or {@link late} when it takes too long; its answer may still come. */
  within<Value>(answer: Promise<Value>): Promise<Value | typeof late> {
    return new Promise((resolve, reject) => {
      const cancel = this.whenLate(() => resolve(late));
      answer.finally(cancel).then(resolve, reject);
    });
  }

  /** Calls back when the store has taken too long, unless the function that it gives is called. */
  whenLate(callback: () => void): () => void {
    return this.#after(this.timeoutMs, callback, () => {});
  }

  /** Resolves after so long, or when the server ends. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#after(ms, resolve, resolve);
    });
  }

  /** Ends all pauses, and lets answers of the store take as long as they will. */
  stop(): void {
    this.#isStopped = true;
    const alarms = [...this.#alarms];
    this.#alarms.clear();
    for (const [alarm, stopped] of alarms) {
      alarm.clear();
      stopped();
    }
  }

  #after(ms: number, due: () => void, stopped: () => void): () => void {
    if (this.#isStopped) {
      stopped();
      return () => {};
    }
    const alarm = new Alarm(this.#wheel, () => {
      this.#alarms.delete(alarm);
      due();
    });
    this.#alarms.set(alarm, stopped);
    alarm.set(this.#clock.now() + ms);
    return () => {
      this.#alarms.delete(alarm);
      alarm.clear();
    };
  }
}
