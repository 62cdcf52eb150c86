import { expect } from 'chai';
import { IdleLife } from '../../lib/retry/idle-life.ts';

describe('IdleLife', () => {
  it('knows no limit at first', () => {
    const life = new IdleLife();
    expect(life.limitMs).to.equal(Number.POSITIVE_INFINITY);
    expect(life.verifyAfterMs(15_000)).to.equal(15_000);
  });

  it('verifies after half of the silence after which the path was found dead', () => {
    const life = new IdleLife();
    life.died(40_000);
    expect(life.limitMs).to.equal(40_000);
    expect(life.verifyAfterMs(60_000)).to.equal(20_000);
  });

  it('never verifies later than the application allows', () => {
    const life = new IdleLife();
    life.died(40_000);
    expect(life.verifyAfterMs(5_000)).to.equal(5_000);
    expect(life.verifyAfterMs(0)).to.equal(0);
  });

  it('keeps the shortest silence that was deadly', () => {
    const life = new IdleLife();
    life.died(40_000);
    life.died(60_000);
    expect(life.limitMs).to.equal(40_000);
    life.died(30_000);
    expect(life.limitMs).to.equal(30_000);
  });

  it('learns nothing from a death after less than a second', () => {
    const life = new IdleLife();
    life.died(0);
    life.died(999);
    expect(life.limitMs).to.equal(Number.POSITIVE_INFINITY);
    life.died(1_000);
    expect(life.limitMs).to.equal(1_000);
  });

  it('forgets a limit that a longer silence refutes', () => {
    const life = new IdleLife();
    life.died(40_000);
    life.lived(39_999);
    expect(life.limitMs).to.equal(40_000);
    life.lived(40_000);
    expect(life.limitMs).to.equal(Number.POSITIVE_INFINITY);
    life.died(50_000);
    expect(life.limitMs).to.equal(50_000);
  });
});
