import { HoldfastError } from '../../errors.ts';
import { Alarm, wheelOf } from '../../retry/timer-wheel.ts';
import { systemClock } from '../../util/clock.ts';
import type { SshConnection } from './connection.ts';

/**
 * Asks for a sign of life whenever nothing came for a while: that keeps the path open, and a dead
 * one is found. ssh2's own keepalive is not used because its timer keeps the process alive.
 */
export class Keepalive {
  readonly #connection: SshConnection;
  readonly #intervalMs: number;
  readonly #maxCount: number;
  readonly #address: string;
  readonly #alarm = new Alarm(wheelOf(systemClock), () => this.#onAlarm());
  #heardBytes = 0;
  #unanswered = 0;

  constructor(connection: SshConnection, intervalMs: number, maxCount: number, address: string) {
    this.#connection = connection;
    this.#intervalMs = intervalMs;
    this.#maxCount = maxCount;
    this.#address = address;
    if (intervalMs > 0) this.#wait();
  }

  stop(): void {
    this.#alarm.clear();
  }

  #wait(): void {
    this.#heardBytes = this.#connection.heardBytes;
    this.#alarm.set(systemClock.now() + this.#intervalMs);
  }

  #onAlarm(): void {
    const connection = this.#connection;
    if (connection.isDead) return;
    if (connection.heardBytes !== this.#heardBytes) {
      this.#unanswered = 0;
    } else if (++this.#unanswered > this.#maxCount) {
      const silentMs = this.#intervalMs * this.#unanswered;
      const message = `Nothing was heard from ${this.#address} for ${silentMs} ms, not even an answer to a keepalive`;
      connection.destroy(new HoldfastError('ERR_HOLDFAST_LOST', message));
      return;
    } else {
      // A request that every server must answer, whatever it thinks of it, and that asks for
      // nothing: one connection has one channel, so no more are wanted.
      connection.client.openssh_noMoreSessions(() => {});
    }
    this.#wait();
  }
}
