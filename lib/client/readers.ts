import { HoldfastError, messageOf } from '../errors.ts';
import { Alarm, wheelOf } from '../retry/timer-wheel.ts';
import type { Clock } from '../util/clock.ts';

interface Reader {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Those who wait until a link is up. They keep the process alive. */
export class Readers {
  readonly #clock: Clock;
  readonly #lastFailure: () => Error | undefined;
  #readers: readonly Reader[] = [];

  /** @param lastFailure why there is no link yet */
  constructor(clock: Clock, lastFailure: () => Error | undefined) {
    this.#clock = clock;
    this.#lastFailure = lastFailure;
  }

  get count(): number {
    return this.#readers.length;
  }

  /** Resolves when a link is up; rejects when that cannot be, or the time is over. */
  wait(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const wheel = wheelOf(this.#clock);
      const alarm = new Alarm(wheel, () => reader.reject(this.#late(timeoutMs)));
      const settle = (): void => {
        alarm.clear();
        wheel.release();
        this.#readers = this.#readers.filter((other) => other !== reader);
      };
      const reader: Reader = {
        resolve: () => {
          settle();
          resolve();
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      this.#readers = [...this.#readers, reader];
      wheel.hold();
      alarm.set(this.#clock.now() + timeoutMs);
    });
  }

  resolve(): void {
    for (const reader of this.#readers) reader.resolve();
  }

  reject(error: Error): void {
    for (const reader of this.#readers) reader.reject(error);
  }

  #late(timeoutMs: number): HoldfastError {
    const cause = this.#lastFailure();
    const why = cause === undefined ? '' : `: ${messageOf(cause)}`;
    const message = `Not ready within ${timeoutMs} ms${why}`;
    return new HoldfastError('ERR_HOLDFAST_DEADLINE', message, { cause });
  }
}
