import { expect } from 'chai';
import { backoffMs } from '../../lib/retry/backoff.ts';

const bounds = { baseMs: 100, capMs: 10_000 };
const lowest = (): number => 0;
const highest = (): number => 1 - Number.EPSILON;

describe('backoffMs', () => {
  it('lets the first try go at once, whatever chance says', () => {
    for (const tries of [0, -1]) {
      for (const random of [lowest, highest]) expect(backoffMs(tries, bounds, random)).to.equal(0);
    }
  });

  it('is below a bound that doubles from try to try, up to the cap', () => {
    const bound = [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000];
    for (const [index, most] of bound.entries()) {
      const longest = backoffMs(index + 1, bounds, highest);
      expect(longest).to.be.below(most);
      expect(longest).to.be.above(most * 0.999);
    }
  });

  it('has full jitter: it reaches down to 0 and every length is as likely', () => {
    for (const tries of [1, 4, 20]) {
      expect(backoffMs(tries, bounds, lowest)).to.equal(0);
      const longest = Math.min(10_000, 100 * 2 ** (tries - 1));
      for (const chance of [0.1, 0.25, 0.5, 0.9]) {
        expect(backoffMs(tries, bounds, () => chance)).to.be.closeTo(longest * chance, 1e-9);
      }
    }
  });

  it('never goes beyond the cap, however many tries there were and however large the base', () => {
    for (const tries of [60, 1_000, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
      expect(backoffMs(tries, bounds, highest))
        .to.be.at.most(10_000)
        .and.above(9_999);
      expect(backoffMs(tries, { baseMs: 1e9, capMs: 2e9 }, highest)).to.be.at.most(2e9);
    }
    expect(backoffMs(1, { baseMs: 500, capMs: 50 }, highest)).to.be.at.most(50);
  });

  it('asks for chance once', () => {
    let asked = 0;
    backoffMs(3, bounds, () => ++asked / 10);
    expect(asked).to.equal(1);
  });
});
