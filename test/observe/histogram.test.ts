import { expect } from 'chai';
import { add, count, newHistogram, quantiles } from '../../lib/observe/histogram.ts';
import { seededRandom } from '../../lib/testing/index.ts';

const shares = [0.5, 0.95, 0.99];

describe('a histogram of latencies', () => {
  it('is at most 3.1 % beside the true quantile, from microseconds to half an hour', () => {
    const random = seededRandom(7);
    for (const scaleMs of [0.05, 1, 30, 2_000, 100_000]) {
      const histogram = newHistogram();
      const durations: number[] = [];
      for (let index = 0; index < 5_000; index++) {
        const durationMs = scaleMs * Math.exp(3 * random());
        durations.push(durationMs);
        count(histogram, durationMs);
      }
      durations.sort((one, other) => one - other);
      for (const [index, found] of quantiles(histogram, shares).entries()) {
        const rank = Math.ceil((shares[index] as number) * durations.length);
        const truth = durations[rank - 1] as number;
        // Below 32 µs a bucket is a whole microsecond, and what is counted is cut to whole ones.
        const allowed = Math.max(truth / 32 + 0.001, 0.001);
        expect(Math.abs((found as number) - truth), `${found} for ${truth}`).to.be.most(allowed);
      }
    }
  });

  it('says nothing when it is empty', () => {
    expect(quantiles(newHistogram(), shares)).to.deep.equal([undefined, undefined, undefined]);
  });

  it('counts what is longer than the longest, negative, or no number', () => {
    const histogram = newHistogram();
    for (const durationMs of [Number.NaN, -5, 0]) count(histogram, durationMs);
    expect(quantiles(histogram, [1])).to.deep.equal([0.0005]);
    for (const durationMs of [Number.POSITIVE_INFINITY, 1e12]) count(histogram, durationMs);
    const [half, all] = quantiles(histogram, [0.5, 1]) as [number, number];
    expect(half).to.equal(0.0005);
    expect(all).to.be.within(2 ** 31 / 1_000 / 1.04, 2 ** 31 / 1_000);
  });

  it('grows with every value and never falls', () => {
    let last = 0;
    for (let micros = 0; micros < 2 ** 31; micros = Math.ceil(micros * 1.01) + 1) {
      const histogram = newHistogram();
      count(histogram, micros / 1_000);
      const found = (quantiles(histogram, [1])[0] as number) * 1_000;
      expect(Math.abs(found - micros)).to.be.most(Math.max(0.5, micros / 32) + 0.001);
      expect(found).to.be.least(last);
      last = found;
    }
  });

  it('adds another', () => {
    const [one, other] = [newHistogram(), newHistogram()];
    count(one, 1);
    for (let times = 0; times < 3; times++) count(other, 1_000);
    add(one, other);
    const [quarter, rest] = quantiles(one, [0.25, 0.26]) as [number, number];
    expect(quarter).to.be.closeTo(1, 0.05);
    expect(rest).to.be.closeTo(1_000, 32);
  });
});
