import type { Medium } from '../media/medium.ts';
import {
  isRetryBudget,
  type RetryBudget,
  type RetryBudgetOptions,
  resolveBudget,
  retryBudget,
  unlimitedBudget,
} from '../retry/budget.ts';
import type { Check } from '../util/check.ts';
import type { Clock } from '../util/clock.ts';

/** What a client can be told of its budget. */
export type RetryBudgetSetting = RetryBudgetOptions | RetryBudget | false;

/** Checks the option. */
export const budgetSetting: Check = (_name, value) => {
  if (value !== false && !isRetryBudget(value)) resolveBudget(value as RetryBudgetOptions);
};

/** The budgets for the servers that these media reach. */
export function budgetsFor(
  media: readonly Medium[],
  { retryBudget, clock }: { readonly retryBudget: RetryBudgetSetting; readonly clock: Clock },
): ReadonlyMap<Medium, RetryBudget> {
  return new Map(media.map((medium) => [medium, budgetFor(medium, retryBudget, clock)]));
}

/**
 * The budget for the server that a medium reaches. Clients of this process that go to the same
 * address, by the same clock and with the same settings, share one; where the address does not name
 * one server (`memory:`, `pipe:`), those that have the same medium do.
 *
 * What is shared is held weakly here and for as long as it lives by each client: of an address to
 * which no client goes any more nothing is left once the garbage collector has come by.
 */
export function budgetFor(medium: Medium, setting: RetryBudgetSetting, clock: Clock): RetryBudget {
  if (setting === false) return unlimitedBudget;
  if (isRetryBudget(setting)) return setting;
  const settings = resolveBudget(setting);
  const { ratio, minPerSecond, ttlMs, reserve } = settings;
  const budgets = sharedBy(isOfOneServer(medium) ? clock : medium);
  const key = `${medium.address} ${ratio} ${minPerSecond} ${ttlMs} ${reserve}`;
  const found = budgets.get(key)?.deref();
  if (found !== undefined) return found;
  const budget = retryBudget(settings);
  budgets.set(key, new WeakRef(budget));
  collected.register(budget, { budgets, key });
  return budget;
}

/** How many budgets there are for servers that are reached by this clock; for tests. */
export function sharedBudgets(clock: Clock): number {
  return sharedBy(clock).size;
}

type Budgets = Map<string, WeakRef<RetryBudget>>;

const shared = new WeakMap<Clock | Medium, Budgets>();

const collected = new FinalizationRegistry<{ readonly budgets: Budgets; readonly key: string }>(
  ({ budgets, key }) => {
    // There may be another in its place by now.
    if (budgets.get(key)?.deref() === undefined) budgets.delete(key);
  },
);

function sharedBy(owner: Clock | Medium): Budgets {
  let budgets = shared.get(owner);
  if (budgets === undefined) {
    budgets = new Map();
    shared.set(owner, budgets);
  }
  return budgets;
}

function isOfOneServer({ address }: Medium): boolean {
  return !/^(memory|pipe|stdio):/.test(address);
}
