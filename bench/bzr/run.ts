/**
 * Side by side: the same faults against the same real `brz serve`, once with Breezy's own client
 * library and once with holdfast. Needs the programs brz, python3 (with Breezy), sshd and ssh.
 *
 * Usage, after `npm run build && tsc -p bench`:
 *
 *     node .bench/bzr/run.js [options]
 *
 *     --hang-ms N   how long calls on a half-open path are waited for (default 20000)
 *     --markdown     the table as Markdown
 *     --json FILE    also write all that is known to FILE
 *
 * The exit status is 1 if holdfast loses a row.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { count } from '../harness/options.ts';
import { describeMachine, machineLine } from '../harness/report.ts';
import { markdown, summary, table } from './report.ts';
import { sideBySide, usualBounds } from './side-by-side.ts';

const { values: options } = parseArgs({
  options: {
    'hang-ms': { type: 'string', default: String(usualBounds.hangMs) },
    markdown: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const bounds = { ...usualBounds, hangMs: count('hang-ms', options['hang-ms']) };
const machine = describeMachine();
const all = await sideBySide(bounds, ({ fault, verdict }) => {
  console.error(`${verdict.padEnd(5)}  ${fault}`);
});
console.log(`\n${machineLine(machine)}\n`);
console.log(options.markdown ? markdown(all) : table(all));
console.log(`\n${summary(all)}`);
if (options.json !== undefined) {
  await writeFile(
    options.json,
    `${JSON.stringify({ machine, bounds, rows: all }, undefined, 2)}\n`,
  );
}
if (all.some(({ verdict }) => verdict === 'loses')) process.exitCode = 1;
