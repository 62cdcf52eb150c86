import { expect } from 'chai';
import { table } from '../../bench/bzr/report.ts';
import { type Compared, sideBySide, usualBounds } from '../../bench/bzr/side-by-side.ts';
import { needPrograms } from '../support/programs.ts';

/** As usual, only that nobody waits as long for what will never come. */
const bounds = { ...usualBounds, hangMs: 3_000, attemptTimeoutMs: 1_500, heartbeatTimeoutMs: 500 };

describe("holdfast beside Breezy's own client, at the same faults", () => {
  let rows: readonly Compared[];

  before(async function () {
    needPrograms(this, 'brz', 'sshd', 'ssh', 'ssh-keygen', 'ps');
    this.timeout(120_000);
    rows = await sideBySide(bounds);
  });

  it('wins or ties every row', () => {
    const lost = rows.filter(({ verdict }) => verdict === 'loses');
    expect(lost, `\n${table(lost)}\n`).to.deep.equal([]);
  });

  it('does no harm', () => {
    const calls = rows.flatMap((row) => row.calls.holdfast);
    const twice = calls.filter(({ isUnsafe, ran = 0 }) => isUnsafe && ran > 1);
    expect(twice).to.deep.equal([]);
    expect(calls.filter(({ standing }) => standing === 'harm')).to.deep.equal([]);
  });

  it('fails only where nobody can know, and says so', () => {
    const failed = rows.filter(({ calls }) =>
      calls.holdfast.some(({ standing }) => standing !== 'succeeded'),
    );
    expect(failed.map(({ fault, calls }) => [fault, calls.holdfast[0]?.title])).to.deep.equal([
      ['server killed once it has executed the call, started anew', 'append'],
    ]);
  });

  it('meets faults that cost the other something', () => {
    const standings = rows.flatMap((row) => row.calls.brz).map(({ standing }) => standing);
    // Whether it hangs, fails or does harm is a matter of moments; that it pays is not.
    expect(standings).to.include('succeeded');
    expect(standings.filter((standing) => standing !== 'succeeded')).to.have.length.above(6);
    expect(rows.filter(({ verdict }) => verdict === 'wins')).to.have.length.above(6);
  });
});
