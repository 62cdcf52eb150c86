/** The server of one contender, in a process of its own. Argument: the URL of its module. */
import { cpuUs, loadContender, obey } from './harness/orders.ts';

await obey(
  async () => {
    const contender = await loadContender(String(process.argv[2]));
    const server = await contender.serve();
    return server.address;
  },
  async (order) => {
    if (order.do === 'cpu') return cpuUs();
    throw new Error(`A server does not know the order ${order.do}`);
  },
);
