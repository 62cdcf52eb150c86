/**
 * Runs test files again and again, to find those that fail now and then.
 *
 *     npm run test:flake [-- [--times N] [FILE ...]]
 *
 *     --times N   how often (default 30)
 *     FILE ...    which test files (default: all of test/scenarios)
 *
 * Exit code 1 if any run failed; the output of the runs that failed is shown.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const { values, positionals } = parseArgs({
  options: { times: { type: 'string', default: '30' } },
  allowPositionals: true,
});
const times = Number(values.times);
if (!Number.isInteger(times) || times < 1) {
  throw new RangeError(`--times must be a whole number above 0, not ${values.times}`);
}

function scenarios() {
  const folder = 'test/scenarios';
  const names = readdirSync(folder).filter((name) => name.endsWith('.test.ts'));
  return names.map((name) => join(folder, name));
}

const files = positionals.length > 0 ? positionals : scenarios();
const folder = mkdtempSync(join(tmpdir(), 'holdfast-flake-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

// Mocha adds the files of its configuration to those that it is given, so it gets one without; and
// it is given its node options at once, so that it is one process, which can be killed.
const { 'node-option': nodeOptions, ...config } = JSON.parse(readFileSync('.mocharc.json', 'utf8'));
delete config.spec;
const configFile = join(folder, 'mocharc.json');
writeFileSync(configFile, JSON.stringify(config));

const mocha = fileURLToPath(import.meta.resolve('mocha/bin/mocha.js'));
const failures = new Map();
for (let run = 1; run <= times; run++) {
  for (const file of files) {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [...nodeOptions.map((option) => `--${option}`), mocha, '--config', configFile, file],
      { encoding: 'utf8', timeout: 300_000, killSignal: 'SIGKILL' },
    );
    if (status === 0) continue;
    failures.set(file, (failures.get(file) ?? 0) + 1);
    console.log(`\n${file} failed in run ${run}:\n${stdout}${stderr}`);
  }
  const failed = [...failures.values()].reduce((sum, count) => sum + count, 0);
  console.log(`run ${run} of ${times}: ${files.length} files, ${failed} failures so far`);
}

for (const [file, count] of failures) console.log(`${file}: failed ${count} of ${times} times`);
process.exitCode = failures.size === 0 ? 0 : 1;
