import { Alarm, type TimerWheel } from '../retry/timer-wheel.ts';
import type { Clock } from '../util/clock.ts';

/** How long the notices are spread for each client, and the pause between two batches. */
const spreadMsEach = 1;
const pauseMs = 10;

/**
 * Tells many, one batch after the other: their clients shall not all dial the successor at once.
 */
export class Notices<Receiver> {
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  readonly #tell: (receiver: Receiver) => void;
  #waiting: Receiver[] = [];
  #batch = 0;

  constructor(clock: Clock, wheel: TimerWheel, tell: (receiver: Receiver) => void) {
    this.#clock = clock;
    this.#tell = tell;
    this.#alarm = new Alarm(wheel, () => this.#next());
  }

  /** Tells all of them within `withinMs`; a few are told at once. */
  start(receivers: Iterable<Receiver>, withinMs: number): void {
    this.#waiting = [...receivers];
    const spreadMs = Math.min(withinMs, this.#waiting.length * spreadMsEach);
    this.#batch = Math.ceil(this.#waiting.length / Math.max(1, Math.floor(spreadMs / pauseMs)));
    this.#next();
  }

  /** Nobody else is told. */
  stop(): void {
    this.#waiting = [];
    this.#alarm.clear();
  }

  #next(): void {
    for (const receiver of this.#waiting.splice(0, this.#batch)) this.#tell(receiver);
    if (this.#waiting.length > 0) this.#alarm.set(this.#clock.now() + pauseMs);
  }
}
