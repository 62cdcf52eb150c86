import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { guard, leastOf } from '../../bench/check/guard.ts';
import { areAlike } from '../../bench/check/record.ts';
import { describeMachine } from '../../bench/harness/report.ts';
import { type Compiled, compile } from '../support/compiled.ts';

describe('The guard of the speed', () => {
  it('lets a workload lose what its recorded runs were apart, twice, and the tolerance at least', () => {
    expect(leastOf([0.9, 0.9, 0.9], 0.1)).to.be.closeTo(0.81, 1e-9);
    expect(leastOf([0.8, 1, 1.2], 0.1)).to.be.closeTo(0.6, 1e-9);
    expect(leastOf([0.1, 1, 1.2], 0.1)).to.be.closeTo(0.5, 1e-9);
  });

  it('measures again what seems to be slower, and only that', async () => {
    const asked: (readonly string[])[] = [];
    const measured = [[0.5, 0.9, 0.5], [0.9, 0.4], [0.6]];
    const shares = { unlucky: [0.9], steady: [0.9], slower: [0.9] };
    const bounds = { leastTolerance: 0.1, maxTries: 3 };
    const all = await guard(shares, bounds, async (workloads) => {
      asked.push(workloads);
      return measured[asked.length - 1] ?? [];
    });
    expect(asked).to.deep.equal([
      ['unlucky', 'steady', 'slower'],
      ['unlucky', 'slower'],
      ['slower'],
    ]);
    expect(all.map(({ workload, tries, isSlower }) => [workload, tries, isSlower])).to.deep.equal([
      ['unlucky', [0.5, 0.9], false],
      ['steady', [0.9], false],
      ['slower', [0.5, 0.4, 0.6], true],
    ]);
  });

  it('takes machines for alike that have the same processor and line of Node', () => {
    const one = { cpu: 'Z80', cores: 1, system: 'CP/M 2.2', node: 'v20.19.0', bound: 'unbound' };
    expect(areAlike(one, { ...one, node: 'v20.20.2', system: 'CP/M 3' })).to.equal(true);
    for (const other of [{ cpu: 'Z800' }, { cores: 2 }, { node: 'v22.19.0' }, { bound: 'bound' }]) {
      expect(areAlike(one, { ...one, ...other })).to.equal(false);
    }
  });

  describe('as a program', function () {
    this.timeout(60_000);
    let program: Compiled;
    let folder: string;

    before(async () => {
      const modules = [
        'bench/client-process.ts',
        'bench/server-process.ts',
        'bench/contenders/floor.ts',
      ];
      program = await compile(
        '../../bench/check.ts',
        ...modules.map((module) => `../../${module}`),
        './slow-floor.ts',
      );
      folder = mkdtempSync(join(tmpdir(), 'holdfast-'));
    });
    after(async () => {
      rmSync(folder, { recursive: true });
      await program.remove();
    });

    const module = (path: string): string => join(dirname(program.path), path);

    /** A short form: how much may be lost is chosen so that it does not depend on noise. */
    function check(
      contender: string,
      more: readonly string[] = [],
    ): Promise<{ code: number; output: string }> {
      const args = ['--recorded', join(folder, 'recorded.json'), '--contender', contender];
      const short = ['--workloads', 'outstanding-64', '--rounds', '3', '--slice-ms', '60'];
      return new Promise((resolve) => {
        execFile(
          process.execPath,
          [program.path, ...args, ...short, ...more],
          (error, stdout, stderr) =>
            resolve({ code: Number(error?.code ?? 0), output: stdout + stderr }),
        );
      });
    }

    const record = (shares: Record<string, number[]>, machine = describeMachine()): void =>
      writeFileSync(join(folder, 'recorded.json'), JSON.stringify({ machine, shares }));

    it('says what to do where nothing is recorded', async () => {
      const { code, output } = await check(module('contenders/floor.js'));
      expect(code).to.equal(1);
      expect(output).to.match(/Nothing is recorded in .*recorded\.json: run `npm run bench:check/);
    });

    it('passes equal code', async () => {
      record({ 'outstanding-64': [1] });
      const twice = ['--tolerance', '0.9', '--times', '2'];
      const { code, output } = await check(module('contenders/floor.js'), twice);
      expect(output)
        .to.match(/outstanding-64.*ok\n/)
        .and.include('0 of 2 failed');
      expect(code).to.equal(0);
    });

    it('fails code that has lost much of its speed', async () => {
      record({ 'outstanding-64': [1] });
      const strict = ['--tolerance', '0', '--tries', '1'];
      const { code, output } = await check(module('../test/support/slow-floor.js'), strict);
      expect(output).to.match(/outstanding-64.*slower\n/);
      expect(code).to.equal(1);
    });

    it('judges nothing on a machine unlike the recorded one, where that is asked for', async () => {
      const slow = module('../test/support/slow-floor.js');
      const strict = ['--tolerance', '0', '--tries', '1', '--if-like'];
      record({ 'outstanding-64': [1] }, { ...describeMachine(), cpu: 'Z80' });
      const elsewhere = await check(slow, strict);
      expect(elsewhere.output).to.match(/^Not judged: recorded on another machine, Z80/m);
      expect(elsewhere.code).to.equal(0);
      record({ 'outstanding-64': [1] });
      expect((await check(slow, strict)).code).to.equal(1);
    });

    it('fails where there is nothing to compare with', async () => {
      record({ sequential: [1] });
      const { code, output } = await check(module('contenders/floor.js'));
      expect(output).to.include('None of these workloads is recorded');
      expect(code).to.equal(1);
    });
  });
});
