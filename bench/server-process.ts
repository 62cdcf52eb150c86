/** The server of one contender, in a process of its own. Argument: the URL of its module. */
import type { ContenderServer } from './contender.ts';
import { cpuUs, loadContender, type Order, obey, restingHeapBytes } from './harness/orders.ts';

const [url = ''] = process.argv.slice(2);
let server: ContenderServer | undefined;

async function onOrder(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'serve': {
      const contender = await loadContender(url);
      server = await contender.serve(order.place);
      return server.address;
    }
    case 'cpu':
      return cpuUs() + (server?.cpuUs?.() ?? 0);
    case 'memory':
      return (await restingHeapBytes()) + (server?.rssBytes?.() ?? 0);
    case 'close':
      return await server?.close();
    case 'connect':
    case 'open':
    case 'hold':
    case 'load':
    case 'persist':
      throw new Error(`A server does not know the order ${order.do}`);
  }
}

await obey(onOrder);
