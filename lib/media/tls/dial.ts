import { isIP, type LookupFunction, type TcpSocketConnectOpts } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { Channel, Peer } from '../medium.ts';
import { whenOpen } from '../sockets.ts';
import { DialledTlsChannel, identityOf } from './channel.ts';
import { type Credentials, secureContextOptions } from './credentials.ts';
import { alpnProtocol, explainTlsError, otherProtocol } from './faults.ts';

/** Where to dial, and as whom. */
export interface TlsPlace {
  readonly host: string;
  readonly port: number;
  readonly servername?: string | undefined;
  readonly credentials: Credentials;
  readonly lookup: LookupFunction;
  /** What errors call it. */
  readonly address: string;
}

/** Connects, and verifies the server before anything is sent to it. */
export async function dialTls(
  place: TlsPlace,
  signal: AbortSignal,
  onAnswered: () => void = () => {},
): Promise<Channel> {
  const { address } = place;
  let socket: TLSSocket | undefined;
  const open = (): TLSSocket => {
    socket = connect(optionsOf(place));
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    socket.once('connect', onAnswered);
    return socket;
  };
  try {
    return await whenOpen(open, 'secureConnect', signal, (secured) => {
      if (secured.alpnProtocol !== alpnProtocol) throw otherProtocol(address);
      return new DialledTlsChannel(secured, peerOf(secured, address), address);
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw explainTlsError(error as Error, address, Boolean(socket?.authorizationError));
  }
}

function optionsOf({ host, port, servername, credentials, lookup }: TlsPlace): ConnectionOptions {
  // An address is no name to ask for, but the certificate is checked against it.
  const name = servername ?? (isIP(host) === 0 ? host : undefined);
  const options: ConnectionOptions & TcpSocketConnectOpts = {
    ...secureContextOptions(credentials),
    host,
    port,
    lookup,
    ...(name === undefined ? {} : { servername: name }),
    ALPNProtocols: [alpnProtocol],
    // Said aloud, because an environment variable can change the default.
    rejectUnauthorized: true,
    autoSelectFamilyAttemptTimeout: 2_000,
  };
  return options;
}

function peerOf(socket: TLSSocket, address: string): Peer {
  const identity = identityOf(socket);
  const known = identity === undefined ? {} : { identity };
  return { medium: 'tls', address: address.slice('tls://'.length), ...known };
}
