import { expect } from 'chai';
import type { Outcome } from '../../bench/routes/phases.ts';
import { problemsOf } from '../../bench/routes/reckoning.ts';
import { emptyTally } from '../../lib/observe/figures.ts';
import type { Route } from '../../lib/observe/routes.ts';

/** A phase of 100 calls, by what came of them. */
function outcome(given: {
  readonly failures: number;
  readonly runs: number;
  readonly p99Ms: number;
}): Outcome {
  const { failures, runs, p99Ms } = given;
  const calls = 100;
  const client: Route = {
    verb: 'head',
    effectiveSuccess: (calls - failures) / calls,
    effectiveRate: calls,
    actualSuccess: (calls - failures) / runs,
    actualRate: runs,
    p50Ms: 5,
    p95Ms: 10,
    p99Ms,
    replays: runs - calls,
    refusals: 0,
    budgetRefusals: 0,
    failures,
    unknownOutcomes: 0,
    windowMs: 1_000,
    total: {
      ...emptyTally(),
      ...{ calls, failures, budgetRefusals: failures },
      ...{ attempts: runs, replays: runs - calls },
    },
  };
  return { calls, failures, runs, client, server: client };
}

const sound = {
  bare: outcome({ failures: 50, runs: 100, p99Ms: 20 }),
  budgeted: outcome({ failures: 35, runs: 121, p99Ms: 30 }),
  retried: outcome({ failures: 0, runs: 200, p99Ms: 70 }),
  timed: outcome({ failures: 10, runs: 180, p99Ms: 26 }),
};

describe("the routes' reckoning", () => {
  it('adds up when retries hide what fails, and a time-out trades some of it for the tail', () => {
    expect(problemsOf(sound)).to.deep.equal([]);
  });

  it('notices when a call fails in spite of retries', () => {
    const retried = outcome({ failures: 1, runs: 200, p99Ms: 70 });
    expect(problemsOf({ ...sound, retried })).to.deep.equal([
      'with retries no call fails',
      'with retries effective success is 100 %',
    ]);
  });

  it('notices when the figures are not those of the application', () => {
    const retried = { ...sound.retried, runs: 201 };
    expect(problemsOf({ ...sound, retried })).to.include('every attempt reached the handler');
    const bare = { ...sound.bare, calls: 101 };
    expect(problemsOf({ ...sound, bare })).to.deep.equal(['bare: every call is counted']);
  });

  it('notices when more is sent again than the budget allows, or less than helps', () => {
    const lavish = outcome({ failures: 35, runs: 122, p99Ms: 30 });
    expect(problemsOf({ ...sound, budgeted: lavish })).to.deep.equal([
      'and it bounds what is added',
    ]);
    const mean = outcome({ failures: 50, runs: 100, p99Ms: 30 });
    expect(problemsOf({ ...sound, budgeted: mean })).to.deep.equal([
      'the default budget lets more calls succeed',
    ]);
  });

  it('notices when the server did not fail half of the time', () => {
    const bare = outcome({ failures: 0, runs: 100, p99Ms: 20 });
    expect(problemsOf({ ...sound, bare })).to.include(
      'without retries callers see what the server does',
    );
  });

  it('notices when the time-out trades nothing', () => {
    const lossless = outcome({ failures: 0, runs: 180, p99Ms: 26 });
    expect(problemsOf({ ...sound, timed: lossless })).to.deep.equal(['a time-out costs success']);
    const slow = outcome({ failures: 10, runs: 180, p99Ms: 80 });
    expect(problemsOf({ ...sound, timed: slow })).to.deep.equal(['a time-out shortens the tail']);
  });
});
