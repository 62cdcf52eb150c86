import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { Alarm, wheelOf } from '../../retry/timer-wheel.ts';
import { systemClock } from '../../util/clock.ts';
import { hostPort, inheritedHostPort } from '../host-port.ts';
import type { Channel, InheritedSocket, Listening, Peer } from '../medium.ts';
import { ServerListening } from '../server-listening.ts';
import { describedOrClosed, listenError, startServer } from '../sockets.ts';
import { identityOf, TlsChannel } from './channel.ts';
import { type Credentials, secureContextOptions } from './credentials.ts';
import { alpnProtocol, refusalLine } from './faults.ts';
import { Handshakes } from './handshakes.ts';
import type { ClientCertificates } from './options.ts';
import { tlsUrl } from './url.ts';

/** Where to listen, as whom, and for whom. */
export interface TlsHouse {
  readonly host: string;
  readonly port: number;
  readonly handshakeTimeoutMs: number;
  readonly clientCertificates: ClientCertificates;
  readonly credentials: Credentials;
}

/** A client that is refused has so long to read why. */
const refusalMs = 1_000;

/** Listens, and hands over connections whose handshake is over and whose client is verified. */
export async function listenTls(
  { host, port, handshakeTimeoutMs, clientCertificates, credentials }: TlsHouse,
  accept: (channel: Channel) => void,
  inherited?: InheritedSocket,
): Promise<Listening> {
  const handshakes = new Handshakes();
  const server = createServer({
    ...secureContextOptions(credentials),
    ALPNProtocols: [alpnProtocol],
    requestCert: clientCertificates !== 'none',
    // Node would close without a word; here the client is told, and never handed over.
    rejectUnauthorized: false,
    handshakeTimeout: handshakeTimeoutMs,
    noDelay: true,
    keepAlive: true,
  });
  server.on('connection', (socket) => handshakes.add(socket));
  // Node ends a failed handshake by itself, but not one that takes too long.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.on('secureConnection', (socket) => {
    const why = whyRefused(socket, clientCertificates);
    if (why !== undefined) {
      refuse(socket, why);
      return;
    }
    handshakes.handOver(socket);
    accept(new TlsChannel(socket, peerOf(socket, clientCertificates)));
  });
  const address = tlsUrl(host, port);
  try {
    await startServer(server, inherited ?? { host, port });
  } catch (error) {
    throw listenError(address, error);
  }
  const url = describedOrClosed(server, () =>
    inherited === undefined
      ? tlsUrl(host, (server.address() as AddressInfo).port)
      : `tls://${inheritedHostPort(inherited, server, { host, port })}`,
  );
  return new ServerListening(server, { url, address, inherited, handshakes });
}

/** What keeps a client out; undefined when nothing does. */
function whyRefused(socket: TLSSocket, wanted: ClientCertificates): string | undefined {
  if (socket.alpnProtocol !== alpnProtocol) {
    return `it takes only ${alpnProtocol} (ALPN), which the client does not offer`;
  }
  if (wanted === 'none' || socket.authorized) return undefined;
  if (socket.getPeerX509Certificate() !== undefined) {
    return `the client certificate is not accepted (${socket.authorizationError})`;
  }
  return wanted === 'optional' ? undefined : 'it wants a client certificate: give "cert" and "key"';
}

/** Says why, and goes on reading: closing with unread bytes could overtake the reason. */
function refuse(socket: TLSSocket, why: string): void {
  const alarm = new Alarm(wheelOf(systemClock), () => socket.destroy());
  alarm.set(systemClock.now() + refusalMs);
  socket.on('error', () => {});
  socket.on('close', () => alarm.clear());
  socket.resume();
  socket.end(refusalLine(why));
}

function peerOf(socket: TLSSocket, wanted: ClientCertificates): Peer {
  const { remoteAddress = '', remotePort = 0 } = socket;
  const address = hostPort(remoteAddress, remotePort);
  const identity = wanted !== 'none' && socket.authorized ? identityOf(socket) : undefined;
  return { medium: 'tls', address, ...(identity === undefined ? {} : { identity }) };
}
