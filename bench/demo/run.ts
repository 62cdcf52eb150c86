/**
 * The demo: a file store in a process of its own, a client that keeps this project's source tree in
 * it, and between them a path that breaks again and again. Exit code 1 if anything does not add up.
 *
 * Usage, after `npm run build && tsc -p bench`:
 *
 *     node .bench/demo/run.js [--seed N]
 *
 *     --seed N   repeats a run's schedule of faults
 */
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { exitCodeOf } from './reckoning.ts';
import { report } from './report.ts';
import { clientOptions, delayFor, lanes, play } from './story.ts';
import { readTree } from './tree.ts';

/** A run that is not over by then hangs, and that is a failure too. */
const maxRunMs = 90_000;

const { values } = parseArgs({ options: { seed: { type: 'string' } } });
const seed = values.seed === undefined ? randomInt(1, 1_000_000) : Number(values.seed);
if (!Number.isSafeInteger(seed) || seed < 0) {
  throw new RangeError(`--seed must be a whole number from 0, not ${values.seed}`);
}

setTimeout(() => {
  console.error(`\nThe demo did not end within ${maxRunMs / 1000} s (seed ${seed})`);
  process.exit(1);
}, maxRunMs).unref();

const folder = mkdtempSync(join(tmpdir(), 'holdfast-demo-'));
let isFolderKept = false;
process.once('exit', () => {
  if (!isFolderKept) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

const startedMs = performance.now();
const files = await readTree(fileURLToPath(new URL('../..', import.meta.url)));
const bytes = files.reduce((sum, file) => sum + file.bytes.length, 0);
const options = Object.entries(clientOptions).map(([name, value]) => `${name}: ${value}`);
console.log(
  `${files.length} files, ${Math.round(bytes / 1000)} kB, ${lanes} at a time, over a path of ` +
    `${delayFor(files.length)} ms each way that breaks; seed ${seed}\n` +
    `client options: ${options.join(', ')} (so that a stall shows within a second), else defaults`,
);

const ending = await play(folder, files, seed);
console.log(report(ending, performance.now() - startedMs));
process.exitCode = exitCodeOf(ending.reckoning);
if (process.exitCode !== 0) {
  isFolderKept = true;
  console.log(`The server's folder is kept for a look: ${folder}`);
}
