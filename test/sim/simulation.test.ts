import { expect } from 'chai';
import { run } from './campaign.ts';
import { planOf } from './generate.ts';
import { summary } from './report.ts';
import { simulate } from './simulation.ts';

/** Wall clock: a part of the whole, which `npm run sim` goes on with. */
const boundMs = 8_000;

describe('Simulated clients and servers', function () {
  this.timeout(60_000);

  it('keep every promise, whatever goes wrong', async () => {
    const until = performance.now() + boundMs;
    const isOver = (tally: { runs: number }): boolean =>
      tally.runs >= 200 || (tally.runs >= 40 && performance.now() > until);
    const tally = await run({ first: 1, step: 1, isOver });
    expect(tally.failures, summary(tally)).to.deep.equal([]);
    expect(tally.calls).to.be.above(1_000);
    expect(tally.executions).to.be.above(1_000);
  });

  it('do the same again, to the letter, for the same seed', async () => {
    for (const seed of [1, 3, 7, 8]) {
      const first = await simulate(planOf(seed), true);
      const second = await simulate(planOf(seed), true);
      expect(first.trace.length, `seed ${seed}`).to.be.above(10);
      expect(second.trace.join('\n')).to.equal(first.trace.join('\n'));
    }
  });

  it('do something else for another seed', async () => {
    const [one, other] = [await simulate(planOf(1), true), await simulate(planOf(2), true)];
    expect(one.trace).not.to.deep.equal(other.trace);
  });
});
