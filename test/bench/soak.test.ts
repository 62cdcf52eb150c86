import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { bounds, readSamples, rises, trendsOf } from '../../bench/soak/flatness.ts';
import { judge } from '../../bench/soak/judge.ts';
import { files } from '../../bench/soak/notebook.ts';

const minuteMs = 60_000;

describe('The soak', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const write = (name: string, ...lines: readonly string[]): void =>
    writeFileSync(join(folder, name), lines.map((line) => `${line}\n`).join(''));

  describe('judges calls', () => {
    it('finds nothing where clients were told what happened', () => {
      write(files.ledger, 'read a', 'read a', 'mutate b', 'once c', 'upload d');
      write(files.outcomes, 'read a ok -', 'mutate b unknown ERR_HOLDFAST_LOST', 'once c ok -');
      const { calls, executions, violations } = judge(folder);
      expect({ calls, executions, violations }).to.deep.equal({
        calls: 3,
        executions: 5,
        violations: [],
      });
    });

    for (const verb of ['once', 'mutate', 'upload', 'chat']) {
      it(`finds a ${verb} call that ran twice, though its client was killed`, () => {
        write(files.ledger, `${verb} a`, `${verb} b`, `${verb} a`);
        expect(judge(folder).violations).to.deep.equal([`${verb} a ran 2 times`]);
      });
    }

    it('finds a call that ran, although it is said that it did not', () => {
      write(files.ledger, 'read a');
      write(files.outcomes, 'read a not-executed ERR_HOLDFAST_DEADLINE');
      const [found] = judge(folder).violations;
      expect(found).to.match(/^read a not-executed .* it ran 1 times$/);
    });

    for (const outcome of ['ok -', 'executed ERR_HOLDFAST_REMOTE']) {
      it(`finds a call that never ran and ended with ${outcome}`, () => {
        write(files.outcomes, `mutate a ${outcome}`);
        expect(judge(folder).violations).to.deep.equal([`mutate a ${outcome}: but it never ran`]);
      });
    }

    it('finds what the processes have noted', () => {
      write(files.violations, 'read a has not settled');
      expect(judge(folder).violations).to.deep.equal(['read a has not settled']);
    });
  });

  describe('looks whether what is held is flat', () => {
    const sampled = (heapAt: (minute: number) => number, pidAt = (_: number) => 1): string[] => {
      const base = { role: 'steady', externalBytes: 0, rssBytes: 0 };
      const rest = { ...base, descriptors: 20, wheel: 3, cpuMs: 0, counts: { sessions: 2 } };
      write(
        files.samples,
        ...Array.from({ length: 60 }, (_, minute) =>
          JSON.stringify({
            ...rest,
            pid: pidAt(minute),
            atMs: minute * minuteMs,
            heapBytes: heapAt(minute),
          }),
        ),
      );
      return rises(trendsOf(readSamples(folder), 0, 60 * minuteMs));
    };

    it('takes noise and what grows in the first third for flat', () => {
      const noise = bounds.heapBytes / 4;
      expect(
        sampled((minute) => Math.min(minute, 20) * bounds.heapBytes + (minute % 3) * noise),
      ).to.deep.equal([]);
    });

    it('finds a slow rise beneath noise', () => {
      const perMinute = bounds.heapBytes / 30;
      const found = sampled((minute) => minute * perMinute + (minute % 3) * 100_000);
      expect(found).to.have.length(1);
      expect(found[0]).to.match(/^steady: heapBytes rises by /);
    });

    it('asks of the memory of processes that come and go nothing', () => {
      const perMinute = bounds.heapBytes / 30;
      const pidAt = (minute: number): number => 1 + Math.floor(minute / 50);
      expect(sampled((minute) => minute * perMinute, pidAt)).to.deep.equal([]);
    });
  });
});
