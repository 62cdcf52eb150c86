import { once } from 'node:events';
import {
  type AddressInfo,
  connect,
  createServer,
  type NetConnectOpts,
  type Socket,
} from 'node:net';

/**
 * A path to a server on which everything, ends included, takes its time in both directions. Only
 * the connect does not: it is the proxy that accepts.
 *
 * @param target where the server is: a port of 127.0.0.1, or a path
 * @returns the same for the path's own end
 */
export async function slowPath(
  target: string,
  delayMs: number,
): Promise<{ address: string; close: () => Promise<void> }> {
  const isPort = /^\d+$/.test(target);
  const options: NetConnectOpts = isPort
    ? { host: '127.0.0.1', port: Number(target), noDelay: true }
    : { path: target };
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = connect({ ...options, allowHalfOpen: true });
    join(near, far, delayMs);
    join(far, near, delayMs);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
  });
  server.listen(isPort ? { host: '127.0.0.1', port: 0 } : { path: `${target}.slow` });
  await once(server, 'listening');
  const address = server.address() as AddressInfo | string;
  return {
    address: typeof address === 'string' ? address : String(address.port),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function join(from: Socket, to: Socket, delayMs: number): void {
  const later = (act: () => void): void => {
    setTimeout(() => {
      if (!to.destroyed) act();
    }, delayMs);
  };
  from.on('data', (chunk: Buffer) => later(() => to.write(chunk)));
  from.on('end', () => later(() => to.end()));
  from.on('close', () => later(() => to.destroySoon()));
}
