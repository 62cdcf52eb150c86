import { expect } from 'chai';
import { largeBytes, planFaults } from '../../bench/demo/schedule.ts';

/** Enough to see every kind of chance. */
const seeds = Array.from({ length: 100 }, (_, seed) => seed);

describe("the demo's schedule", () => {
  it('is the same for the same seed and another for another', () => {
    expect(planFaults(7)).to.deep.equal(planFaults(7));
    expect(planFaults(7)).not.to.deep.equal(planFaults(8));
  });

  it('has every kind of fault, whatever the seed', () => {
    for (const seed of seeds) {
      const kinds = new Set(planFaults(seed).map(({ fault }) => fault.kind));
      expect([...kinds].sort()).to.deep.equal([
        'RST',
        'SIGKILL',
        'cut in a large write',
        'drained restart',
        'idle FIN',
        'silent stall',
      ]);
    }
  });

  it('goes forward and leaves work before the first fault and after the last', () => {
    for (const seed of seeds) {
      const shares = planFaults(seed).map(({ atShare }) => atShare);
      expect(shares).to.deep.equal(shares.toSorted((one, other) => one - other));
      expect(shares[0]).to.be.above(0);
      expect(shares.at(-1)).to.be.below(0.95);
    }
  });

  it('cuts large writes before their end', () => {
    for (const seed of seeds) {
      for (const { fault } of planFaults(seed)) {
        if (fault.kind !== 'cut in a large write') continue;
        expect(fault.afterBytes).to.be.within(1, largeBytes - 1);
      }
    }
  });
});
