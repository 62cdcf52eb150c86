/**
 * The SSH server of a run, in a process of its own, on the servers' core. Arguments: the folder with
 * its keys, and sshd's path; without that it is a server by ssh2.
 */
import { obey } from '../harness/orders.ts';
import { startSsh2Server } from './ssh2-server.ts';
import { startSshd } from './sshd.ts';

/** What {@link obey} is asked here: to start, which is answered with the port, and to end. */
export type SshOrder = { readonly do: 'start' } | { readonly do: 'close' };

const [folder = '', sshd] = process.argv.slice(2);
let server: { port: number; close: () => Promise<void> } | undefined;

await obey(async (order: SshOrder) => {
  if (order.do === 'close') return await server?.close();
  server = sshd === undefined ? await startSsh2Server(folder) : await startSshd(sshd, folder);
  return server.port;
});
