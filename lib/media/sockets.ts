import net from 'node:net';
import { codeOf, HoldfastError, messageOf } from '../errors.ts';
import type { Channel, Listening, Peer } from './medium.ts';
import { SocketChannel } from './socket-channel.ts';

/**
 * What all dialled sockets read into. One is enough: the bytes are used up before the next read,
 * by contract of `ChannelUser.onBytes`. It is large because fewer reads are worth more than memory
 * that there is once.
 */
let sharedBuffer: Buffer | undefined;
const sharedBufferBytes = 256 * 1024;

/**
 * Opens a socket and yields its channel. Everything is closed again when `signal` aborts.
 * The socket reads into one reused buffer, or where the channel's user wants a long message.
 */
export function dialSocket(
  options: net.NetConnectOpts,
  peer: (socket: net.Socket) => Peer,
  signal: AbortSignal,
): Promise<Channel> {
  return new Promise((resolve, reject) => {
    let channel: SocketChannel | undefined;
    sharedBuffer ??= Buffer.allocUnsafeSlow(sharedBufferBytes);
    const shared = sharedBuffer;
    const onread: net.OnReadOpts = {
      buffer: () => channel?.readInto() ?? shared,
      callback: (byteLength, memory) => {
        channel?.receive((memory as Buffer).subarray(0, byteLength));
        return true;
      },
    };
    signal.throwIfAborted();
    const socket = net.connect({ ...options, onread });
    const settle = (): void => {
      signal.removeEventListener('abort', aborted);
      socket.removeListener('connect', connected);
      socket.removeListener('error', failed);
    };
    const aborted = (): void => {
      settle();
      socket.on('error', () => {});
      socket.destroy();
      reject(signal.reason);
    };
    const failed = (error: Error): void => {
      settle();
      reject(error);
    };
    const connected = (): void => {
      settle();
      channel = new SocketChannel(socket, peer(socket));
      resolve(channel);
    };
    signal.addEventListener('abort', aborted);
    socket.once('connect', connected);
    socket.once('error', failed);
  });
}

/** Listens, and hands a channel to `accept` for each connection. */
export function listenSocket(
  options: net.ListenOptions,
  describe: (server: net.Server) => { url: string; peer: (socket: net.Socket) => Peer },
  accept: (channel: Channel) => void,
): Promise<Listening> {
  return new Promise((resolve, reject) => {
    let peerOf: ((socket: net.Socket) => Peer) | undefined;
    const server = net.createServer({ noDelay: true, keepAlive: true }, (socket) => {
      accept(new SocketChannel(socket, peerOf?.(socket) ?? { medium: 'socket', address: '' }));
    });
    server.once('error', reject);
    server.once('listening', () => {
      server.removeListener('error', reject);
      // An error while accepting (no descriptors left) concerns one connection, not the server.
      server.on('error', () => {});
      const { url, peer } = describe(server);
      peerOf = peer;
      resolve({ url, close: () => closeServer(server) });
    });
    server.listen(options);
  });
}

function closeServer(server: net.Server): Promise<void> {
  return new Promise((resolve) => {
    // Accepted connections live on, so the callback, which waits for them, is of no use here.
    const handleClosed = server.listening;
    server.close();
    if (handleClosed) setImmediate(resolve);
    else resolve();
  });
}

/** An `ERR_HOLDFAST_LISTEN` error that says what to do. */
export function listenError(url: string, error: unknown): HoldfastError {
  const advice: Record<string, string> = {
    EADDRINUSE: 'the address is in use: stop the other server or choose another address',
    EACCES: 'permission denied: choose a port above 1023 or a folder that you may write to',
    EPERM: 'permission denied',
    EADDRNOTAVAIL: 'this machine does not have the address',
    ENOENT: 'the folder of the socket does not exist',
    ENOTFOUND: 'the host name is unknown',
  };
  const why = advice[codeOf(error)] ?? messageOf(error);
  return new HoldfastError('ERR_HOLDFAST_LISTEN', `Cannot listen at ${url}: ${why}`, {
    cause: error,
    final: true,
  });
}
