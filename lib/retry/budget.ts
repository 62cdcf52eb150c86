import {
  type Check,
  type Checks,
  milliseconds,
  numberFrom,
  resolveOptions,
  wholeNumber,
} from '../util/check.ts';
import { SlidingCount } from './sliding-count.ts';

/** How much may be sent again; see {@link retryBudget}. */
export interface RetryBudgetOptions {
  /**
   * Replays for each first attempt: 0.2 is at most a fifth of extra load. A verb's `retryRatio` goes
   * before it.
   */
  readonly ratio?: number;
  /** Replays a second that are there however few calls are made: 0.1 is one probe in 10 s. */
  readonly minPerSecond?: number;
  /** How long a first attempt counts. */
  readonly ttlMs?: number;
  /** How many of `minPerSecond` can be saved up; a new budget has so many. 0: none at all. */
  readonly reserve?: number;
}

/** The defaults of {@link RetryBudgetOptions}. */
export const budgetDefaults: Readonly<Required<RetryBudgetOptions>> = Object.freeze({
  ratio: 0.2,
  minPerSecond: 0.1,
  ttlMs: 10_000,
  reserve: 1,
});

function within(check: Check): Check {
  return (name, value) => check(`retryBudget.${name}`, value);
}

const checks: Checks<RetryBudgetOptions> = {
  ratio: within(numberFrom(0, 1_000)),
  minPerSecond: within(numberFrom(0, 1_000_000)),
  ttlMs: within(milliseconds(1)),
  reserve: within(wholeNumber(0, 1_000_000)),
};

/** Checks and completes the settings of a budget. */
export function resolveBudget(
  given: RetryBudgetOptions | undefined,
): Readonly<Required<RetryBudgetOptions>> {
  return resolveOptions('retryBudget option', given, budgetDefaults, checks) as Readonly<
    Required<RetryBudgetOptions>
  >;
}

/**
 * Bounds the extra load of replays. Made by {@link retryBudget}; one that several clients are given
 * bounds them together. Times are those of the clients' clock.
 */
export interface RetryBudget {
  /**
   * A first attempt was sent.
   *
   * @param ratio how many replays it earns, if its verb says that; otherwise as many as any
   */
  deposit(now: number, ratio?: number): void;
  /** Takes the cost of one replay; false when there is nothing left. */
  withdraw(now: number): boolean;
  /**
   * A connection was lost; true when the replays of what was on it are free.
   *
   * @param wasUseful it had answered a call
   */
  forgive(now: number, wasUseful: boolean): boolean;
}

/**
 * A budget for replays of calls that may have run, and of calls that the server refused for now:
 * what Finagle's `RetryBudget` and Linkerd do. Each first attempt earns `ratio` of a replay, or what its verb says; what is
 * earned and what is spent are forgotten after `ttlMs`, so in no such time are there more replays
 * than that share.
 *
 * Beside it there is a floor, since a client that makes few calls earns next to nothing, and the one
 * call after an idle hour must survive the loss of its link too. Finagle's floor is spent in one
 * burst again and again: 10 a second for 10 s are 100 replays in every 10 s, eleven times the load of
 * a client that makes one call a second. This one is a bucket that holds one (`reserve`) and fills in
 * 10 s (`minPerSecond`): in an outage it is one probe in each such interval, whatever comes before.
 *
 * And one lost connection is forgiven in `ttlMs`, with all the calls that were on it, if it had proved
 * useful before, or is the first of all: many calls that are made at once after a silence, into a path
 * that died meanwhile, are no storm, and must not fail. A server that dies again and again is forgiven
 * no more than that, and in an outage, where nothing proves useful, nothing is but the connection that
 * it began with.
 *
 * No timer; each operation takes constant time, spread over many.
 */
class ReplayBudget implements RetryBudget {
  /** What a first attempt earns, in millionths. */
  readonly #earnings: number;
  readonly #minPerMs: number;
  readonly #reserve: number;
  /** In millionths: sums of whole numbers stay exact. */
  readonly #earned: SlidingCount;
  readonly #spent: SlidingCount;
  #inReserve: number;
  readonly #ttlMs: number;
  #forgivenAt = Number.NEGATIVE_INFINITY;
  #filledAt = Number.POSITIVE_INFINITY;

  constructor({ ratio, minPerSecond, ttlMs, reserve }: Readonly<Required<RetryBudgetOptions>>) {
    this.#earnings = Math.round(ratio * million);
    this.#minPerMs = minPerSecond / 1_000;
    this.#reserve = reserve;
    this.#inReserve = reserve;
    this.#ttlMs = ttlMs;
    const slotMs = ttlMs / slots;
    this.#earned = new SlidingCount(slots, slotMs);
    // One slot more: what is spent counts at least as long as what is earned.
    this.#spent = new SlidingCount(slots + 1, slotMs);
  }

  deposit(now: number, ratio?: number): void {
    const earned = ratio === undefined ? this.#earnings : Math.round(ratio * million);
    this.#earned.add(now, earned);
  }

  forgive(now: number, wasUseful: boolean): boolean {
    const isFirst = this.#forgivenAt === Number.NEGATIVE_INFINITY;
    if (!isFirst && !(wasUseful && now - this.#forgivenAt >= this.#ttlMs)) return false;
    this.#forgivenAt = now;
    return true;
  }

  withdraw(now: number): boolean {
    if (this.#earned.total(now) >= (this.#spent.total(now) + 1) * million) {
      this.#spent.add(now);
      return true;
    }
    const sinceMs = Math.max(0, now - this.#filledAt);
    this.#filledAt = now;
    this.#inReserve = Math.min(this.#reserve, this.#inReserve + sinceMs * this.#minPerMs);
    if (this.#inReserve < almostOne) return false;
    this.#inReserve--;
    return true;
  }
}

/** Into how many parts `ttlMs` is divided. */
const slots = 10;

const million = 1_000_000;

/** Sums of fractions are not exact. */
const almostOne = 1 - 1e-9;

/**
 * Makes a budget to give to clients as their `retryBudget`: to one of its own, or to several that
 * shall share it. Without that, all clients of this process with the same settings share one for
 * each server.
 *
 * @throws HoldfastError `ERR_HOLDFAST_OPTION`
 */
export function retryBudget(options?: RetryBudgetOptions): RetryBudget {
  return new ReplayBudget(resolveBudget(options));
}

/** True for what {@link retryBudget} made. */
export function isRetryBudget(value: unknown): value is RetryBudget {
  return value instanceof ReplayBudget;
}

/** No bound but deadlines and attempts. */
export const unlimitedBudget: RetryBudget = {
  deposit() {},
  withdraw: () => true,
  forgive: () => true,
};
