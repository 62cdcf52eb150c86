import type { AddressInfo, Server, Socket } from 'node:net';
import {
  type Check,
  type Checks,
  ofType,
  optionError,
  resolveOptions,
  wholeNumber,
} from '../util/check.ts';
import { hostPort, inheritedHostPort } from './host-port.ts';
import type { Channel, InheritedSocket, Listener, Listening, Medium, Peer } from './medium.ts';
import { sharedLookup } from './shared-lookup.ts';
import { type Description, dialSocket, listenError, listenSocket } from './sockets.ts';

/** Where a TCP server is, or shall be. */
export interface TcpOptions {
  /** Name or address. Default `127.0.0.1`. */
  readonly host?: string;
  /** Port; for a listener, 0 lets the system choose. */
  readonly port: number;
}

/** Node would take an empty host for all addresses of the machine. */
const hostName: Check = (name, value) => {
  ofType('string')(name, value);
  if (value === '') throw optionError(`Option "${name}" must not be empty`);
};

const checks: Checks<TcpOptions> = { host: hostName, port: wholeNumber(0, 65_535) };

/**
 * TCP, with Nagle's algorithm off. Each address of a name gets two seconds before the next is
 * tried: Node's own 250 ms gives up good servers on slow paths.
 */
class Tcp implements Medium, Listener {
  readonly address: string;
  readonly losesPackets = true;
  readonly #host: string;
  readonly #port: number;
  readonly #lookup = sharedLookup();

  constructor(options: TcpOptions) {
    const { host, port } = resolveOptions('tcp option', options, { host: '127.0.0.1' }, checks);
    checks.port('port', port);
    this.#host = host;
    this.#port = port;
    this.address = `tcp://${hostPort(host, port)}`;
  }

  dial(signal: AbortSignal): Promise<Channel> {
    const options = {
      host: this.#host,
      port: this.#port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      autoSelectFamilyAttemptTimeout: 2_000,
      lookup: this.#lookup,
    };
    const peer: Peer = { medium: 'tcp', address: this.address.slice('tcp://'.length) };
    return dialSocket(options, () => peer, signal);
  }

  async listen(accept: (channel: Channel) => void): Promise<Listening> {
    const describe = (server: Server): Description => {
      const { port } = server.address() as AddressInfo;
      return { url: `tcp://${hostPort(this.#host, port)}`, peer: tcpPeer };
    };
    try {
      const at = { host: this.#host, port: this.#port };
      return await listenSocket({ address: this.address, at, describe }, accept);
    } catch (error) {
      throw listenError(this.address, error);
    }
  }

  adopt(socket: InheritedSocket, accept: (channel: Channel) => void): Promise<Listening> {
    const house = { host: this.#host, port: this.#port };
    const describe = (server: Server): Description => ({
      url: `tcp://${inheritedHostPort(socket, server, house)}`,
      peer: tcpPeer,
    });
    return listenSocket({ address: this.address, at: socket, describe }, accept);
  }
}

/** Who has connected to a server. */
export function tcpPeer({ remoteAddress = '', remotePort = 0 }: Socket): Peer {
  return { medium: 'tcp', address: hostPort(remoteAddress, remotePort) };
}

/** A TCP address, to dial or to listen on. */
export function tcp(options: TcpOptions): Medium & Listener {
  return new Tcp(options);
}
