import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../../util/clock.ts';
import type { Environment } from './environment.ts';

/** Says to all who have the file open that this process lives. */
export class Lease {
  readonly holder: string = randomUUID();
  readonly #environment: Environment;
  readonly #clock: Clock;
  readonly #leaseMs: number;
  readonly #now: () => number;
  #until = 0;
  #timer: Timer | undefined;
  #isEnded = false;

  constructor(environment: Environment, clock: Clock, leaseMs: number, now: () => number) {
    this.#environment = environment;
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.#now = now;
  }

  async start(): Promise<void> {
    await this.#renew();
    this.#arm();
  }

  /** Within a write: who begins something must be seen to live. */
  keep(now: number): void {
    if (this.#isEnded || this.#until - now > this.#leaseMs / 2) return;
    this.#until = now + this.#leaseMs;
    this.#environment.tables.leases.putSync(this.holder, this.#until);
  }

  /** What this process has begun and not finished is lost from now on. */
  async end(): Promise<void> {
    this.#isEnded = true;
    this.#timer?.cancel();
    const { leases } = this.#environment.tables;
    await this.#environment.write(() => leases.removeSync(this.holder));
  }

  #arm(): void {
    if (this.#isEnded) return;
    this.#timer = this.#clock.setTimer(() => {
      // When it fails, the next call that begins tries again, and fails too if it must.
      this.#renew().then(
        () => this.#arm(),
        () => this.#arm(),
      );
    }, this.#leaseMs / 3);
    this.#timer.unref();
  }

  async #renew(): Promise<void> {
    const { leases } = this.#environment.tables;
    await this.#environment.write(() => {
      if (this.#isEnded) return;
      const now = this.#now();
      for (const { key, value } of [...leases.getRange()]) {
        if (value <= now) leases.removeSync(key);
      }
      this.#until = 0;
      this.keep(now);
    });
  }
}
