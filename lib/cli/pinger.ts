import { HoldfastError } from '../errors.ts';
import type { Medium } from '../media/medium.ts';
import { IdleLife } from '../retry/idle-life.ts';
import { systemClock } from '../util/clock.ts';
import { HelloLink } from './hello-link.ts';
import { timeLimit } from './pause.ts';

/** How the pings went, as it is printed for machines. Times are milliseconds. */
export interface PingReport {
  readonly url: string;
  /** Until the first connection was up: dialling, encryption and hello. */
  readonly connectMs: number | null;
  readonly answered: number;
  readonly lost: number;
  /** Connections that were made after the first. */
  readonly reconnects: number;
  readonly minMs: number | null;
  readonly medianMs: number | null;
  readonly maxMs: number | null;
  /** The shortest silence after which the path was found dead; null when none is known. */
  readonly idleLimitMs: number | null;
  /** The longest silence after which the path was alive. */
  readonly longestSilenceMs: number;
}

/** Pings a server, makes the connection anew when it is lost, and learns how long it may be idle. */
export class Pinger {
  readonly #medium: Medium;
  readonly #credentials: unknown;
  readonly #timeoutMs: number;
  readonly #idleLife = new IdleLife();
  readonly #roundTrips: number[] = [];
  #link: HelloLink | undefined;
  #connectMs: number | undefined;
  #connections = 0;
  #lost = 0;
  #longestSilenceMs = 0;

  constructor(medium: Medium, credentials: unknown, timeoutMs: number) {
    this.#medium = medium;
    this.#credentials = credentials;
    this.#timeoutMs = timeoutMs;
  }

  /** The milliseconds until the first connection was up. */
  get connectMs(): number | undefined {
    return this.#connectMs;
  }

  /** One round trip, in ms. Rejects when the link cannot be made, or is lost. */
  async ping(signal: AbortSignal): Promise<number> {
    try {
      const link = await this.#openLink(signal);
      const silentMs = systemClock.now() - link.heardAt;
      const ms = await this.#within(signal, 'No answer', (limited) => link.ping(limited)).catch(
        (error: unknown) => {
          if (!signal.aborted) this.#idleLife.died(silentMs);
          throw error;
        },
      );
      this.#idleLife.lived(silentMs);
      this.#longestSilenceMs = Math.max(this.#longestSilenceMs, silentMs);
      this.#roundTrips.push(ms);
      return ms;
    } catch (error) {
      if (!signal.aborted) this.#lost++;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#link?.close();
  }

  report(): PingReport {
    const sorted = this.#roundTrips.toSorted((one, other) => one - other);
    const { limitMs } = this.#idleLife;
    const half = sorted.length / 2;
    const [low, high] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]];
    return {
      url: this.#medium.address,
      connectMs: this.#connectMs ?? null,
      answered: sorted.length,
      lost: this.#lost,
      reconnects: Math.max(0, this.#connections - 1),
      minMs: sorted[0] ?? null,
      medianMs: low === undefined || high === undefined ? null : (low + high) / 2,
      maxMs: sorted.at(-1) ?? null,
      idleLimitMs: Number.isFinite(limitMs) ? limitMs : null,
      longestSilenceMs: this.#longestSilenceMs,
    };
  }

  async #openLink(signal: AbortSignal): Promise<HelloLink> {
    const old = this.#link;
    if (old?.isOpen) return old;
    if (old !== undefined) this.#idleLife.died(old.silentMs);
    this.#link = undefined;
    const startedAt = systemClock.now();
    const open = (limited: AbortSignal): Promise<HelloLink> =>
      HelloLink.open(this.#medium, this.#credentials, limited);
    this.#link = await this.#within(signal, 'No hello', open);
    this.#connections++;
    this.#connectMs ??= systemClock.now() - startedAt;
    return this.#link;
  }

  async #within<Result>(
    signal: AbortSignal,
    what: string,
    work: (limited: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const tooLate = (): Error => {
      const message = `${what} from ${this.#medium.address} within ${this.#timeoutMs} ms`;
      return new HoldfastError('ERR_HOLDFAST_DEADLINE', message);
    };
    const limit = timeLimit(this.#timeoutMs, tooLate, signal);
    try {
      return await work(limit.signal);
    } finally {
      limit.done();
    }
  }
}
