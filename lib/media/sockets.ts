import net from 'node:net';
import { codeOf, HoldfastError, isHoldfastError, messageOf } from '../errors.ts';
import type { Channel, InheritedSocket, Listening, Peer } from './medium.ts';
import { ServerListening } from './server-listening.ts';
import { SocketChannel } from './socket-channel.ts';
import type { BoundFile } from './socket-file.ts';

/**
 * What all dialled sockets read into. One is enough: the bytes are used up before the next read,
 * by contract of `ChannelUser.onBytes`. It is large because fewer reads are worth more than memory
 * that there is once.
 */
let sharedBuffer: Buffer | undefined;
const sharedBufferBytes = 256 * 1024;

/** What was read into that last. */
let sharedChunk: Buffer | undefined;

/** The bytes that were read. One read is often as long as the last, and a view is dear. */
function chunkOf(memory: Buffer, byteLength: number): Buffer {
  if (memory !== sharedBuffer) return memory.subarray(0, byteLength);
  if (sharedChunk?.length !== byteLength) sharedChunk = memory.subarray(0, byteLength);
  return sharedChunk;
}

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
      channel?.receive(chunkOf(memory as Buffer, byteLength));
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

/** What a medium says of a server that listens. */
export interface Description {
  readonly url: string;
  readonly peer: (socket: net.Socket) => Peer;
  /** Of a Unix socket that was bound here. */
  readonly file?: BoundFile | undefined;
}

/** How a listener gets its socket, and what it makes of it. */
export interface SocketHouse {
  /** What the listener was told to listen at. */
  readonly address: string;
  /** Where to listen, or the socket that does so already. */
  readonly at: net.ListenOptions | InheritedSocket;
  /** Called when the server listens; throws when that is not what was wanted. */
  describe(server: net.Server): Description;
}

/** Listens, and hands a channel to `accept` for each connection. */
export async function listenSocket(
  { address, at, describe }: SocketHouse,
  accept: (channel: Channel) => void,
): Promise<Listening> {
  let peerOf: ((socket: net.Socket) => Peer) | undefined;
  const server = net.createServer({ noDelay: true, keepAlive: true }, (socket) => {
    accept(new SocketChannel(socket, peerOf?.(socket) ?? { medium: 'socket', address: '' }));
  });
  await startServer(server, at);
  const { url, peer, file } = describedOrClosed(server, describe);
  peerOf = peer;
  return new ServerListening(server, { url, address, file, inherited: inheritedOf(at) });
}

/** What `describe` says; when it throws, the server is closed. */
export function describedOrClosed<Said>(
  server: net.Server,
  describe: (server: net.Server) => Said,
): Said {
  try {
    return describe(server);
  } catch (error) {
    server.close();
    throw error;
  }
}

/** The inherited socket, if it is one. */
export function inheritedOf(at: net.ListenOptions | InheritedSocket): InheritedSocket | undefined {
  return isInherited(at) ? at : undefined;
}

function isInherited(at: net.ListenOptions | InheritedSocket): at is InheritedSocket {
  return 'fd' in at;
}

/** Resolves when the server listens; rejects when it cannot. */
export function startServer(
  server: net.Server,
  at: net.ListenOptions | InheritedSocket,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(isInherited(at) ? notListening(at, error) : error));
    server.once('listening', () => {
      server.removeAllListeners('error');
      // An error while accepting (no descriptors left) concerns one connection, not the server.
      server.on('error', () => {});
      resolve();
    });
    server.listen(isInherited(at) ? { fd: at.fd } : at);
  });
}

/** What is wrong with an inherited socket, as an `ERR_HOLDFAST_LISTEN` error. */
export function inheritedError(
  { fd, url, name }: InheritedSocket,
  why: string,
  cause?: unknown,
): HoldfastError {
  const whose = url ?? (name === undefined ? 'from systemd' : `"${name}" from systemd`);
  const message = `Cannot listen on the inherited descriptor ${fd} (${whose}): ${why}`;
  return new HoldfastError('ERR_HOLDFAST_LISTEN', message, { final: true, cause });
}

function notListening(socket: InheritedSocket, error: unknown): HoldfastError {
  const why =
    codeOf(error) === 'EINVAL'
      ? 'it is no stream socket that listens (in the socket unit: ListenStream=, and not Accept=yes)'
      : messageOf(error);
  return inheritedError(socket, why, error);
}

/** An `ERR_HOLDFAST_LISTEN` error that says what to do. */
export function listenError(url: string, error: unknown): HoldfastError {
  if (isHoldfastError(error)) return error;
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
