import { connect } from '../../lib/index.ts';
import { pipe } from '../../lib/media/pipe.ts';
import { verbs } from './verbs.ts';

/**
 * A client of a program: `pipe-client-main stay|leave|close PROGRAM [ARGUMENT…]`. It makes a call,
 * prints the answer, and then stays, or has nothing to do any more, or waits for an orderly end.
 */
const [what, ...args] = process.argv.slice(2);
const client = connect(pipe({ command: process.execPath, args }), verbs);
console.log(await client.call.read('pid'));
if (what === 'stay') setInterval(() => {}, 60_000);
if (what === 'close') {
  await client.close();
  console.log('closed');
}
