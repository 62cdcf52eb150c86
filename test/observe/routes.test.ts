import { expect } from 'chai';
import { Routes } from '../../lib/observe/routes.ts';
import { VirtualClock } from '../../lib/testing/index.ts';

describe('routes', () => {
  it('tell effective figures from actual ones', () => {
    const clock = new VirtualClock();
    const routes = new Routes(clock);
    const figures = routes.of('get');
    clock.advance(10_000);
    // Of two calls one succeeded at once and one at its third attempt.
    figures.replied(clock.now(), 1);
    figures.attempted(clock.now(), false);
    figures.attempted(clock.now(), false);
    figures.replayed(clock.now());
    figures.replayed(clock.now());
    figures.replied(clock.now(), 20);
    const [row] = routes.rows();
    expect(row).to.include({
      verb: 'get',
      effectiveSuccess: 1,
      effectiveRate: 0.2,
      actualSuccess: 0.5,
      actualRate: 0.4,
      replays: 2,
      failures: 0,
      unknownOutcomes: 0,
      windowMs: 10_000,
    });
    expect(row?.p50Ms).to.be.closeTo(1, 0.04);
    expect(row?.p99Ms).to.be.closeTo(20, 0.7);
  });

  it('forget what is older than a minute, but not in the totals', () => {
    const clock = new VirtualClock();
    const routes = new Routes(clock);
    const figures = routes.of('get');
    figures.settled(clock.now(), 5, 'unknown');
    clock.advance(59_000);
    expect(routes.rows()[0]).to.include({ failures: 1, unknownOutcomes: 1, windowMs: 59_000 });
    clock.advance(2_000);
    expect(routes.rows()[0]).to.include({
      failures: 0,
      unknownOutcomes: 0,
      effectiveSuccess: undefined,
      effectiveRate: 0,
      p50Ms: undefined,
      windowMs: 51_000,
    });
    expect(routes.rows()[0]?.total).to.include({ calls: 1, failures: 1, unknownOutcomes: 1 });
  });

  it('use a slice again after a pause of any length', () => {
    const clock = new VirtualClock();
    const routes = new Routes(clock);
    const figures = routes.of('get');
    for (const pauseMs of [0, 10_000, 60_000, 61_000, 3_600_000]) {
      clock.advance(pauseMs);
      figures.replied(clock.now(), 1);
    }
    expect(routes.rows()[0]?.effectiveRate).to.be.closeTo(1 / 51, 0.01);
    expect(routes.rows()[0]?.total.calls).to.equal(5);
  });

  it('keep the rate of a steady load as the window slides', () => {
    const clock = new VirtualClock();
    const routes = new Routes(clock);
    const figures = routes.of('get');
    for (let second = 0; second < 200; second++) {
      for (let times = 0; times < 50; times++) figures.replied(clock.now(), 1);
      clock.advance(1_000);
      expect(routes.rows()[0]?.effectiveRate, `after ${second + 1} s`).to.equal(50);
    }
  });

  it('are in the order of the names, and leave out what was never called', () => {
    const clock = new VirtualClock();
    const routes = new Routes(clock);
    for (const verb of ['put', 'get', 'idle']) routes.of(verb);
    for (const verb of ['put', 'get']) routes.of(verb).notMade(clock.now());
    expect(routes.rows().map(({ verb, failures }) => [verb, failures])).to.deep.equal([
      ['get', 1],
      ['put', 1],
    ]);
  });

  it('are no more than a thousand, and one for the rest', () => {
    const clock = new VirtualClock();
    const routes = new Routes(clock);
    for (let index = 0; index < 3_000; index++) routes.of(`verb-${index}`).replied(clock.now(), 1);
    routes.of('verb-3').replied(clock.now(), 1);
    const rows = routes.rows();
    expect(rows).to.have.length(1_001);
    expect(rows.find(({ verb }) => verb === '(others)')?.total.calls).to.equal(2_000);
    expect(rows.find(({ verb }) => verb === 'verb-3')?.total.calls).to.equal(2);
  });
});
