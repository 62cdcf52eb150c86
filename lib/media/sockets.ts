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
  const open = (): net.Socket => net.connect({ ...options, onread });
  return whenOpen(open, 'connect', signal, (socket) => {
    channel = new SocketChannel(socket, peer(socket));
    return channel;
  });
}

/**
 * Opens a socket and waits for `event`; `channelOf` makes the channel in that very turn, or throws.
 * The socket is destroyed when that fails, or when `signal` aborts before.
 */
export function whenOpen<Kind extends net.Socket>(
  open: () => Kind,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
  channelOf: (socket: Kind) => Channel,
): Promise<Channel> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket: Kind = open();
    const settle = (): void => {
      signal.removeEventListener('abort', aborted);
      socket.removeListener(event, opened);
      socket.removeListener('error', failed);
    };
    const failed = (error: unknown): void => {
      settle();
      // One failure can be told twice.
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const aborted = (): void => failed(signal.reason);
    const opened = (): void => {
      try {
        const channel = channelOf(socket);
        settle();
        resolve(channel);
      } catch (error) {
        failed(error);
      }
    };
    signal.addEventListener('abort', aborted);
    socket.once(event, opened);
    socket.once('error', failed);
  });
}

/** Listens, and hands a channel to `accept` for each connection. */
export async function listenSocket(
  options: net.ListenOptions,
  describe: (server: net.Server) => { url: string; peer: (socket: net.Socket) => Peer },
  accept: (channel: Channel) => void,
): Promise<Listening> {
  let peerOf: ((socket: net.Socket) => Peer) | undefined;
  const server = net.createServer({ noDelay: true, keepAlive: true }, (socket) => {
    accept(new SocketChannel(socket, peerOf?.(socket) ?? { medium: 'socket', address: '' }));
  });
  await startServer(server, options);
  const { url, peer } = describe(server);
  peerOf = peer;
  return { url, close: () => closeServer(server) };
}

/** Resolves when the server listens; rejects when it cannot. */
export function startServer(server: net.Server, options: net.ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.removeListener('error', reject);
      // An error while accepting (no descriptors left) concerns one connection, not the server.
      server.on('error', () => {});
      resolve();
    });
    server.listen(options);
  });
}

/** Takes no connections any more; resolves when the address is free. */
export function closeServer(server: net.Server): Promise<void> {
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
