import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../../util/clock.ts';
import { inTime, type RedisConnection } from './connection.ts';
import { isLeased, lease } from './scripts.ts';

/** The end of a process waits no longer for Redis; its lease lapses then. */
const lastWordMs = 1_000;

/** Says to all who use the same Redis that this process lives, and asks whether others do. */
export class RedisLease {
  readonly holder: string = randomUUID();
  readonly #connection: RedisConnection;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #leaseMs: number;
  readonly #onFailure: (isSilent: boolean) => Promise<void>;
  #until = Number.NEGATIVE_INFINITY;
  /** Others could not renew theirs while Redis was out of reach: until then they are believed. */
  #lenientUntil = Number.NEGATIVE_INFINITY;
  #hasFailed = false;
  #timer: Timer | undefined;
  #isEnded = false;

  /** @param onFailure called when Redis says no, or says nothing for the time of a lease */
  constructor(
    connection: RedisConnection,
    clock: Clock,
    prefix: string,
    leaseMs: number,
    onFailure: (isSilent: boolean) => Promise<void>,
  ) {
    this.#connection = connection;
    this.#clock = clock;
    this.#prefix = prefix;
    this.#leaseMs = leaseMs;
    this.#onFailure = onFailure;
  }

  async start(): Promise<void> {
    await this.#renew();
    this.#arm();
  }

  /** Who begins something must be seen to live. */
  async keep(): Promise<void> {
    if (this.#clock.now() >= this.#until) await this.#renew();
  }

  async isAlive(holder: string): Promise<boolean> {
    if ((await this.#connection.run(isLeased, this.#key(holder))) === 1) return true;
    return this.#clock.now() < this.#lenientUntil;
  }

  /** What this process has begun and not finished is lost from now on. */
  async end(): Promise<void> {
    this.#isEnded = true;
    this.#timer?.cancel();
    await inTime(
      this.#connection.run(lease, this.#key(this.holder), '0'),
      this.#clock,
      Math.min(this.#leaseMs, lastWordMs),
    );
  }

  async #renew(): Promise<void> {
    const sentAt = this.#clock.now();
    try {
      const ms = String(Math.ceil(this.#leaseMs));
      await this.#connection.run(lease, this.#key(this.holder), ms);
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    }
    this.#until = sentAt + this.#leaseMs;
    if (this.#hasFailed) this.#lenientUntil = this.#clock.now() + this.#leaseMs / 2;
    this.#hasFailed = false;
  }

  #arm(): void {
    if (this.#isEnded) return;
    this.#timer = this.#clock.setTimer(() => void this.#turn(), this.#leaseMs / 3);
    this.#timer.unref();
  }

  async #turn(): Promise<void> {
    let isAnswered = false;
    const renewed = this.#renew().finally(() => {
      isAnswered = true;
    });
    try {
      await inTime(renewed, this.#clock, this.#leaseMs);
    } catch {
      this.#hasFailed = true;
      if (!this.#isEnded) await this.#onFailure(!isAnswered);
    }
    this.#arm();
  }

  #key(holder: string): string {
    return `${this.#prefix}lease:${holder}`;
  }
}
