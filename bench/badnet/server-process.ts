/** The server of the bad-network experiment. */
import { obey } from '../harness/orders.ts';
import { openServers, type Servers } from './servers.ts';

export type ServerOrder =
  | { readonly do: 'serve'; readonly host: string }
  | { readonly do: 'executions' };

let servers: Servers | undefined;

await obey(async (order: ServerOrder | { readonly do: 'close' }) => {
  switch (order.do) {
    case 'serve':
      servers = await openServers(order.host);
      return servers.doors;
    case 'executions':
      return servers?.executions;
    case 'close':
      return await servers?.close();
  }
});
