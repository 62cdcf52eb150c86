/** The client of one contender, in a process of its own. Argument: its module's URL. */
import { bytesReply, type ContenderClient, smallReply } from './contender.ts';
import { runLoad } from './harness/load.ts';
import { cpuUs, loadContender, type Order, obey } from './harness/orders.ts';

const [url = ''] = process.argv.slice(2);
let client: ContenderClient | undefined;

/** A contender that answers with something else is fast for the wrong reason. */
async function checkReplies(checked: ContenderClient): Promise<void> {
  const [small, bytes] = await Promise.all([checked.call('small'), checked.call('bytes')]);
  if (small !== smallReply) throw new Error(`Wrong reply to a small call: ${String(small)}`);
  if (!(bytes instanceof Uint8Array) || bytesReply.compare(bytes) !== 0) {
    throw new Error('Wrong reply to a call for bytes');
  }
}

async function onOrder(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'connect': {
      const contender = await loadContender(url);
      client = await contender.connect(order.address, order.place);
      await checkReplies(client);
      return undefined;
    }
    case 'load':
      if (client === undefined) throw new Error('Not connected');
      return await runLoad(client, order.load);
    case 'cpu':
      return cpuUs();
    case 'close':
      return await client?.close();
    case 'serve':
      throw new Error('A client does not serve');
  }
}

await obey(onOrder);
