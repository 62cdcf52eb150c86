import { connect } from '../../lib/index.ts';
import { pipe } from '../../lib/media/pipe.ts';
import { verbs } from './verbs.ts';

/**
 * A client of a program: `pipe-client-main stay|leave|close|hurry PROGRAM [ARGUMENT…]`. It makes a
 * call, prints the answer, and then stays, or has nothing to do any more, or waits for an orderly end,
 * for a moment only if in a hurry.
 */
const [what, ...args] = process.argv.slice(2);
const haste = what === 'hurry' ? { termAfterMs: 1, killAfterMs: 60_000 } : {};
const client = connect(pipe({ command: process.execPath, args, ...haste }), verbs);
console.log(await client.call.read('pid'));
if (what === 'stay') setInterval(() => {}, 60_000);
if (what === 'close' || what === 'hurry') {
  await client.close();
  console.log('closed');
}
