/**
 * The test of the tests: puts defects into a copy of the code, one at a time, and lets the simulator
 * look for them.
 *
 *     npm run sim:mutants [-- --minutes M] [--first N] [WORD ...]
 *
 *     --minutes M   for so long it looks for each, at most (default 10)
 *     --first N     the first seed (default 1)
 *     WORD ...      only the defects whose names have these words
 *
 * Exit code 1 if one is not found, or does not fit the code any more.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { type Mutant, mutants } from './mutants.ts';
import { mutated } from './mutate.ts';

const { values, positionals } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    first: { type: 'string', default: '1' },
  },
  allowPositionals: true,
});

for (const mutant of mutants) {
  if (!positionals.every((word) => mutant.name.includes(word))) continue;
  const said = await search(mutant);
  if (!said.isFound) process.exitCode = 1;
  console.log(`${said.isFound ? 'found' : 'NOT FOUND'}: ${mutant.name}\n${said.lines.join('\n')}`);
}

async function search(mutant: Mutant): Promise<{ isFound: boolean; lines: readonly string[] }> {
  const copy = await mutated(mutant);
  try {
    const { minutes, first } = values;
    const more = ['--minutes', minutes, '--first', first, '--enough', '1', '--whole'];
    if (mutant.kind !== undefined) more.push('--kind', mutant.kind);
    const child = spawn(process.execPath, ['--import', 'tsx', 'test/sim/main.ts', ...more], {
      cwd: copy.folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    const lines = output.split('\n').filter((line) => /simulated hours|^ {2}\d/.test(line));
    return { isFound: code === 1, lines: lines.map((line) => `    ${line.trim().slice(0, 200)}`) };
  } finally {
    await copy.remove();
  }
}
