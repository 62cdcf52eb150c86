import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { ContenderServer } from '../../contender.ts';

/** Lets a server listen at a free port of 127.0.0.1, which is its address behind `prefix`. */
export async function listen(server: Server, prefix = ''): Promise<ContenderServer> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `${prefix}${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
