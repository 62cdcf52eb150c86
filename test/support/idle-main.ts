import { connect } from '../../lib/index.ts';
import { verbs } from './verbs.ts';

/** A program that makes a call and then does nothing: `idle-main.ts URL WHAT`. */
const [url, what] = process.argv.slice(2) as [string, string];
const client = connect(url, verbs);
switch (what) {
  case 'call':
    console.log(await client.call.read('x'));
    break;
  case 'stay':
    console.log(await client.call.read('x'));
    setInterval(() => {}, 60_000);
    break;
  case 'pending':
    void client.call.read('slow').then(console.log);
    break;
  case 'ready':
    void client.ready().then(() => console.log('ready'));
    break;
  case 'nothing':
    console.log('nothing');
    break;
  default:
    throw new Error(`Unknown: ${what}`);
}
