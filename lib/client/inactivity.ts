import { Alarm, type TimerWheel } from '../retry/timer-wheel.ts';
import type { Clock } from '../util/clock.ts';

/** Watches how long a stream waits for the far side. */
export class Inactivity {
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  readonly #isWaiting: () => boolean;
  readonly #onInactive: (limitMs: number) => void;
  #limitMs = 0;
  #since = 0;

  /**
   * @param isWaiting the stream waits for the far side
   * @param onInactive called when it has done so for too long
   */
  constructor(
    clock: Clock,
    wheel: TimerWheel,
    isWaiting: () => boolean,
    onInactive: (limitMs: number) => void,
  ) {
    this.#clock = clock;
    this.#isWaiting = isWaiting;
    this.#onInactive = onInactive;
    this.#alarm = new Alarm(wheel, () => this.#onAlarm());
  }

  /** Sets the limit, or makes it stricter. */
  limit(limitMs: number): void {
    if (this.#limitMs > 0 && limitMs >= this.#limitMs) return;
    this.#limitMs = limitMs;
    this.#alarm.clear();
    this.touch();
  }

  /** The far side has done something, or the wait begins. */
  touch(): void {
    if (this.#limitMs === 0) return;
    this.#since = this.#clock.now();
    if (!this.#alarm.isSet) this.#alarm.set(this.#since + this.#limitMs);
  }

  stop(): void {
    this.#limitMs = 0;
    this.#alarm.clear();
  }

  #onAlarm(): void {
    // Whoever waits from now on touches it first.
    if (!this.#isWaiting()) return;
    const dueAt = this.#since + this.#limitMs;
    if (this.#clock.now() < dueAt) this.#alarm.set(dueAt);
    else this.#onInactive(this.#limitMs);
  }
}
