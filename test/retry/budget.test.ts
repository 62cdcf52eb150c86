import { expect } from 'chai';
import { type RetryBudget, retryBudget } from '../../lib/retry/budget.ts';
import { expectFailure } from '../support/failing.ts';
import { wrongMilliseconds } from '../support/wrong-options.ts';

/** How many replays the budget allows at this time, all at once. */
function drain(budget: RetryBudget, now: number): number {
  let count = 0;
  while (budget.withdraw(now)) expect(++count).to.be.below(1_000_000);
  return count;
}

function deposit(budget: RetryBudget, now: number, count: number): void {
  for (let index = 0; index < count; index++) budget.deposit(now);
}

describe('retryBudget', () => {
  it('has its reserve in hand, and no more, before the first call', () => {
    expect(drain(retryBudget(), 5)).to.equal(1);
    expect(drain(retryBudget({ reserve: 3 }), 5)).to.equal(3);
    expect(drain(retryBudget({ reserve: 0 }), 5)).to.equal(0);
  });

  it('earns the ratio of each first attempt, also where that is no round number', () => {
    for (const [ratio, calls, replays] of [
      [0.2, 5, 1],
      [0.2, 4, 0],
      [0.2, 5_000, 1_000],
      [0.3, 10, 3],
      [0.1, 99, 9],
      [1, 7, 7],
      [2.5, 3, 7],
      [0, 100, 0],
    ] as const) {
      const budget = retryBudget({ ratio, reserve: 0 });
      deposit(budget, 1_000, calls);
      expect(drain(budget, 1_000), `${ratio} of ${calls}`).to.equal(replays);
    }
  });

  it('earns what the verb of a first attempt says, where it says something', () => {
    const budget = retryBudget({ reserve: 0 });
    for (const ratio of [2, 0.5, 0, undefined, 0.3]) budget.deposit(1_000, ratio);
    expect(drain(budget, 1_000)).to.equal(3);
    for (let index = 0; index < 1_000; index++) budget.deposit(1e6, 0.001);
    expect(drain(budget, 1e6)).to.equal(1);
  });

  it('forgets what was earned after ttlMs, and not before nine tenths of it', () => {
    for (const [afterMs, left] of [
      [0, 20],
      [9_000, 20],
      [10_000, 0],
      [1e9, 0],
    ] as const) {
      const budget = retryBudget({ reserve: 0 });
      deposit(budget, 1_000, 100);
      expect(drain(budget, 1_000 + afterMs), `${afterMs} ms`).to.equal(left);
    }
  });

  it('counts what is spent for as long as what is earned, so no ttlMs sees more than the share', () => {
    const budget = retryBudget({ reserve: 0 });
    const first: number[] = [];
    const again: number[] = [];
    for (let now = 50; now < 60_000; now += 100) {
      const calls = now % 7_000 < 2_000 ? 37 : 1;
      deposit(budget, now, calls);
      for (let index = 0; index < calls; index++) first.push(now);
      // Whoever wants more than there is takes it when it hurts most.
      if (now % 5_000 < 300)
        for (let count = drain(budget, now); count > 0; count--) again.push(now);
    }
    expect(again.length).to.be.above(100);
    for (let to = 10_000; to < 60_000; to += 50) {
      const spent = again.filter((at) => at > to - 10_000 && at <= to).length;
      const last = Math.max(...again.filter((at) => at <= to));
      const earned = first.filter((at) => at > last - 10_000 && at <= last).length * 0.2;
      expect(spent, `until ${to}`).to.be.at.most(earned + 1e-6);
    }
  });

  it('fills the reserve at minPerSecond, up to what it was, and only so', () => {
    const budget = retryBudget({ ratio: 0, minPerSecond: 0.5, reserve: 4 });
    expect(drain(budget, 0)).to.equal(4);
    expect([1_000, 1_999, 2_000, 2_001].map((now) => drain(budget, now))).to.deep.equal([
      0, 0, 1, 0,
    ]);
    expect(drain(budget, 7_000)).to.equal(2);
    expect(drain(budget, 1e9)).to.equal(4);
  });

  it('forgives the first lost connection, and then one that was useful in each ttlMs', () => {
    const budget = retryBudget();
    const told = [
      [1_000, false],
      [2_000, true],
      [10_999, true],
      [11_000, false],
      [11_000, true],
      [20_999, true],
      [21_000, true],
    ] as const;
    expect(told.map(([now, wasUseful]) => budget.forgive(now, wasUseful))).to.deep.equal([
      true,
      false,
      false,
      false,
      true,
      false,
      true,
    ]);
  });

  it('takes what is earned before it takes the reserve', () => {
    const budget = retryBudget({ minPerSecond: 0, reserve: 3 });
    deposit(budget, 0, 50);
    for (let index = 0; index < 10; index++) expect(budget.withdraw(0)).to.equal(true);
    // Nothing is left of the 50, all of the reserve is.
    expect(drain(budget, 100_000)).to.equal(3);
  });

  it('survives a clock that stands still, leaps, or is behind that of another client', () => {
    const budget = retryBudget({ minPerSecond: 0, reserve: 10 });
    deposit(budget, 50_000, 10);
    deposit(budget, 3, 10);
    expect(drain(budget, 3)).to.equal(14);
    deposit(budget, Number.MAX_SAFE_INTEGER / 2, 10);
    expect(drain(budget, Number.MAX_SAFE_INTEGER / 2)).to.equal(2);
  });

  const wrong: readonly (readonly [options: unknown, text: string])[] = [
    ...wrongMilliseconds.map(
      ([value, shown]) =>
        [
          { ttlMs: value },
          `Option "retryBudget.ttlMs" must be a number of milliseconds from 1 to 2147483647, ${shown}`,
        ] as const,
    ),
    ...[-0.1, Number.NaN, Number.POSITIVE_INFINITY, '0.2', null].map(
      (ratio) =>
        [{ ratio }, 'Option "retryBudget.ratio" must be a number from 0 to 1000, got'] as const,
    ),
    [
      { minPerSecond: -1 },
      'Option "retryBudget.minPerSecond" must be a number from 0 to 1000000, got -1',
    ],
    [{ minPerSecond: Number.NaN }, 'Option "retryBudget.minPerSecond" must be a number'],
    [{ reserve: 1.5 }, 'Option "retryBudget.reserve" must be a whole number from 0 to'],
    [{ reserve: Number.POSITIVE_INFINITY }, 'Option "retryBudget.reserve" must be a whole number'],
    [{ ration: 0.2 }, 'Unknown retryBudget option "ration"; did you mean "ratio"?'],
    [{ ttl: 5 }, 'Unknown retryBudget option "ttl"; did you mean "ttlMs"?'],
    [{ minPerSec: 5 }, 'did you mean "minPerSecond"?'],
    [5, 'retryBudget option must be an object, got 5'],
  ];

  it('refuses settings that are wrong, and says which are right', async () => {
    for (const [options, text] of wrong) {
      await expectFailure(() => retryBudget(options as object), 'ERR_HOLDFAST_OPTION', text);
    }
  });
});
