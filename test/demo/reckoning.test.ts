import { expect } from 'chai';
import { exitCodeOf, type Facts, reckon } from '../../bench/demo/reckoning.ts';
import { sha256 } from '../../bench/demo/tree.ts';

/** A journal with these lines, as the demo's server writes it. */
function journalOf(...ids: string[]): string {
  return ids.map((id) => `${JSON.stringify({ id, path: 'a', sha256: '00' })}\n`).join('');
}

/** What a watch gives of such a journal. */
function watchedOf(journal: string): string[] {
  const lines = journal.split('\n').slice(0, -1);
  return lines.map((line) => sha256(Buffer.from(line)));
}

/** A run in which everything adds up: five lines sent, one of them lost, one never run. */
const sound: Facts = {
  files: [{ path: 'a', source: '00', readBack: '00', stored: '00' }],
  journal: journalOf('1 a', '2 b', '3 c'),
  appends: {
    acknowledged: new Set(['1 a', '2 b']),
    unknown: new Set(['3 c', '4 d']),
    notExecuted: new Set(['5 e']),
  },
  watched: watchedOf(journalOf('1 a', '2 b', '3 c')),
  failures: [],
};

/** The reckoning of a run that differs from the sound one. */
function problemsOf(changes: Partial<Facts>): { code: number; problems: readonly string[] } {
  const watched = watchedOf(changes.journal ?? sound.journal);
  const reckoning = reckon({ ...sound, watched, ...changes });
  return { code: exitCodeOf(reckoning), problems: reckoning.problems };
}

describe("the demo's reckoning", () => {
  it('adds up when the files say what the client was told', () => {
    const reckoning = reckon(sound);
    expect(reckoning).to.deep.equal({
      files: { total: 1, equal: 1 },
      journal: {
        acknowledged: 2,
        present: 3,
        doubled: 0,
        notExecuted: 1,
        unknown: { present: 1, absent: 1 },
      },
      watched: 3,
      problems: [],
    });
    expect(exitCodeOf(reckoning)).to.equal(0);
  });

  it('fails a run with a line that is there twice', () => {
    const journal = journalOf('1 a', '2 b', '3 c', '1 a');
    expect(problemsOf({ journal })).to.deep.equal({
      code: 1,
      problems: ['line 1 a is there 2 times'],
    });
    expect(reckon({ ...sound, journal }).journal.doubled).to.equal(1);
  });

  it('fails a run with a doubled line of which nobody was told how it ended', () => {
    const { code, problems } = problemsOf({ journal: journalOf('1 a', '2 b', '3 c', '3 c') });
    expect(problems).to.deep.equal(['line 3 c is there 2 times']);
    expect(code).to.equal(1);
  });

  it('fails a run in which a line was acknowledged and is not there', () => {
    expect(problemsOf({ journal: journalOf('1 a', '3 c') })).to.deep.equal({
      code: 1,
      problems: ['line 2 b was acknowledged and is not there'],
    });
  });

  it('fails a run in which a line is there that was said not to be executed', () => {
    expect(problemsOf({ journal: journalOf('1 a', '2 b', '5 e') })).to.deep.equal({
      code: 1,
      problems: ['line 5 e is there, but was said to be "not-executed"'],
    });
  });

  it('fails a run with a line that was never sent', () => {
    const { code, problems } = problemsOf({ journal: journalOf('1 a', '2 b', '6 f') });
    expect(problems).to.deep.equal(['line 6 f is there, but was never sent']);
    expect(code).to.equal(1);
  });

  it('fails a run with a torn line', () => {
    for (const torn of ['{"id":"3', '\n', '{"path":"a"}\n', 'null\n']) {
      const { code, problems } = problemsOf({ journal: journalOf('1 a', '2 b') + torn });
      expect(problems).to.deep.equal(["the journal's line 3 is torn"]);
      expect(code).to.equal(1);
    }
  });

  it('fails a run with a file that is missing, was not read back or has another checksum', () => {
    const file = { path: 'a', source: '00', readBack: '00', stored: '00' };
    const cases = [
      [{ ...file, stored: undefined }, 'a: not stored'],
      [{ ...file, readBack: undefined }, 'a: not read back'],
      [{ ...file, readBack: '01' }, 'a: another checksum'],
      [{ ...file, stored: '01' }, 'a: another checksum'],
    ] as const;
    for (const [changed, problem] of cases) {
      const reckoning = reckon({ ...sound, files: [changed] });
      expect(reckoning.problems).to.deep.equal([problem]);
      expect(reckoning.files).to.deep.equal({ total: 1, equal: 0 });
      expect(exitCodeOf(reckoning)).to.equal(1);
    }
  });

  it('fails a run in which the watch has left out a line, doubled one, or given another', () => {
    const [first = '', second = '', third = ''] = sound.watched;
    const cases = [
      [[first, second], ['the watch gave 2 lines, and there are 3']],
      [[first, second, third, third], ['the watch gave 4 lines, and there are 3']],
      [[first, third, second], ['the watch gave something else for line 2']],
      [
        [second, third],
        ['the watch gave 2 lines, and there are 3', 'the watch gave something else for line 1'],
      ],
    ] as const;
    for (const [watched, problems] of cases) {
      expect(problemsOf({ watched })).to.deep.equal({ code: 1, problems });
    }
  });

  it('fails a run in which a call failed that nothing should have stopped', () => {
    expect(problemsOf({ failures: ['a: Call "put" failed'] })).to.deep.equal({
      code: 1,
      problems: ['a: Call "put" failed'],
    });
  });
});
