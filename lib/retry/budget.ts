/**
 * What bounds the extra load of replays. Replays of calls that may have run draw on it; calls that
 * provably never ran cost nothing.
 */
export interface RetryBudget {
  /** A first attempt was made. */
  deposit(): void;
  /** Takes the cost of one replay; false when there is nothing left. */
  withdraw(): boolean;
}

/** No bound but deadlines and attempts. */
export const unlimitedBudget: RetryBudget = {
  deposit() {},
  withdraw: () => true,
};
