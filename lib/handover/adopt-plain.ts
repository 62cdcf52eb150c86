import type { Server } from 'node:net';
import { boundPath } from '../media/bound-path.ts';
import { hostPort } from '../media/host-port.ts';
import type { Channel, InheritedSocket, Listening } from '../media/medium.ts';
import { type Description, inheritedError, listenSocket } from '../media/sockets.ts';
import { tcpPeer } from '../media/tcp.ts';

/** Listens on an inherited socket, TCP or Unix, without TLS. */
export async function adoptPlain(
  socket: InheritedSocket,
  accept: (channel: Channel) => void,
): Promise<Listening> {
  if (socket.url?.startsWith('tls:')) {
    const why = 'certificates are not inherited: name the listener, e.g. inherit([tls({ … })])';
    throw inheritedError(socket, why);
  }
  const describe = (server: Server): Description => {
    const found = server.address();
    if (found !== null && typeof found === 'object') {
      const url = socket.url ?? `tcp://${hostPort(found.address, found.port)}`;
      return { url, peer: tcpPeer };
    }
    const path = socket.url?.slice('unix:'.length) ?? boundPath(socket.fd) ?? '';
    return { url: `unix:${path}`, peer: () => ({ medium: 'unix', address: path }) };
  };
  return listenSocket({ address: socket.url ?? '', at: socket, describe }, accept);
}
