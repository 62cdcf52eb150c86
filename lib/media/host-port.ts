import type { Server } from 'node:net';
import type { InheritedSocket } from './medium.ts';
import { inheritedError } from './sockets.ts';

/** As it stands in a URL. */
export function hostPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * The host and port of a server that listens on an inherited socket, which must be for the port that
 * was asked for. One from a predecessor was matched by its whole address already.
 */
export function inheritedHostPort(
  socket: InheritedSocket,
  server: Server,
  asked: { readonly host: string; readonly port: number },
): string {
  const found = server.address();
  const wanted = hostPort(asked.host, asked.port);
  if (found === null || typeof found === 'string') {
    throw inheritedError(socket, `it is no TCP socket, but it is for ${wanted}`);
  }
  if (socket.url !== undefined) return hostPort(asked.host, found.port);
  const actual = hostPort(found.address, found.port);
  if (asked.port !== 0 && asked.port !== found.port) {
    throw inheritedError(socket, `it is ${actual}, but it is for ${wanted}`);
  }
  return actual;
}
