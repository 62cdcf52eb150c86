import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { toListeners } from '../media/listeners.ts';
import type { Channel, InheritedSocket, Listener, Listening } from '../media/medium.ts';
import { SocketChannel } from '../media/socket-channel.ts';
import { BoundFile } from '../media/socket-file.ts';
import { inheritedError } from '../media/sockets.ts';
import type { PassedListener, Predecessor } from '../server/predecessor.ts';
import { adoptPlain } from './adopt-plain.ts';
import { connectPredecessor } from './connect-predecessor.ts';
import {
  type GivenSocket,
  type Inheritance,
  inheritanceError,
  takeInheritance,
} from './environment.ts';

/** A listener for a socket that this process was started with. */
export interface InheritedListener extends PassedListener {
  /** What systemd calls it (`FileDescriptorName=`); empty where it has no name. */
  readonly name: string;
}

/** A socket and what has become of it here. */
class Heirloom {
  readonly socket: InheritedSocket;
  /** What the predecessor's listener was told. */
  readonly address: string | undefined;
  isTaken = false;

  constructor({ fd, name, url, address, file }: GivenSocket) {
    this.address = address;
    this.socket = {
      fd,
      ...(name === undefined ? {} : { name }),
      ...(url === undefined ? {} : { url }),
      ...(file === undefined ? {} : { file: new BoundFile(file.path, file.id, () => isHeir) }),
    };
  }

  /** A listener for the socket, which is the one that `listener` would make. */
  listener(listener: Pick<Listener, 'address' | 'adopt'>): InheritedListener {
    const { socket } = this;
    const listen = async (accept: (channel: Channel) => void): Promise<Listening> => {
      if (this.isTaken) throw inheritedError(socket, 'it is served already, or was');
      this.isTaken = true;
      if (listener.adopt === undefined) {
        throw inheritedError(socket, 'this listener cannot take a socket that exists already');
      }
      return listener.adopt(socket, accept);
    };
    const { address = this.address } = listener;
    const name = socket.name ?? '';
    return Object.freeze({
      name,
      listen,
      ...(address === undefined ? {} : { address }),
      get predecessor() {
        return thePredecessor();
      },
    });
  }

  /** Gives it up, if nobody listens on it. */
  drop(): void {
    if (this.isTaken) return;
    this.isTaken = true;
    const { fd, file } = this.socket;
    file?.remove();
    closeSync(fd);
  }
}

/** What was found, once: the sockets, or what is wrong with them. */
let found: (() => Inheritance | undefined) | undefined;
let heirlooms: readonly Heirloom[] = [];
let plain: InheritedListener[] | undefined;
let hasChannel = true;
/** The predecessor has let go; until then it may go on, and the files are its own. */
let isHeir = false;

let predecessor: Predecessor | undefined;

/** The server that has started this process, if one has; one for all listeners. */
function thePredecessor(): Predecessor | undefined {
  if (inheritance()?.channel === undefined) return undefined;
  predecessor ??= connectPredecessor(predecessorChannel, takeOver);
  return predecessor;
}

function inheritance(): Inheritance | undefined {
  found ??= read();
  return found();
}

function read(): () => Inheritance | undefined {
  try {
    const result = takeInheritance(process.env, process.pid);
    heirlooms = (result?.sockets ?? []).map((socket) => new Heirloom(socket));
    return () => result;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/**
 * Listeners for the sockets that this process was started with, by a predecessor's hand-over or by
 * systemd (`LISTEN_FDS`); undefined when it was started with none:
 *
 * ```ts
 * await serve(verbs, handlers, { listen: inherit() ?? 'tcp://127.0.0.1:4155' });
 * ```
 *
 * A socket is served once; asking again gives the same listeners. The variables that tell of the
 * sockets are removed from `process.env`, so that no other process takes them for its own. A Unix
 * socket's file stays when systemd made it.
 *
 * @throws HoldfastError `ERR_HOLDFAST_LISTEN` when the variables do not fit the descriptors
 */
export function inherit(): InheritedListener[] | undefined;
/**
 * What is to be served, on the sockets that this process was started with where there are such.
 * With it one program starts by itself, restarts, and is started by systemd; TLS must be named thus,
 * for certificates are not inherited:
 *
 * ```ts
 * const listen = inherit(['tls://0.0.0.0:4155?cert=…&key=…', 'unix:/run/backup.sock']);
 * ```
 *
 * From a predecessor each listener gets the socket of the same address, and what is new listens by
 * itself. From systemd the first listener gets the first socket and so on, in the order of the
 * `ListenStream=` lines: there must be as many, of the same kind, port and path.
 *
 * @throws HoldfastError `ERR_HOLDFAST_LISTEN` when sockets and listeners do not fit together,
 *   `ERR_HOLDFAST_OPTION`, `ERR_HOLDFAST_URL`
 */
export function inherit(listen: string | Listener | readonly (string | Listener)[]): Listener[];
export function inherit(
  listen?: string | Listener | readonly (string | Listener)[],
): Listener[] | undefined {
  const given = inheritance();
  if (listen === undefined) {
    if (given === undefined) return undefined;
    plain ??= heirlooms.map((heirloom) => heirloom.listener({ adopt: adoptPlain }));
    return [...plain];
  }
  const listeners = toListeners(listen);
  if (given === undefined) return listeners;
  return given.from === 'systemd' ? inOrder(listeners) : byAddress(listeners);
}

function inOrder(listeners: readonly Listener[]): Listener[] {
  if (listeners.length !== heirlooms.length) {
    throw inheritanceError(
      `systemd gives ${heirlooms.length} (LISTEN_FDS), but there are ${listeners.length} listeners`,
    );
  }
  return listeners.map((listener, index) => (heirlooms[index] as Heirloom).listener(listener));
}

function byAddress(listeners: readonly Listener[]): Listener[] {
  const left = new Set(heirlooms);
  return listeners.map((listener) => {
    const { address, adopt } = listener;
    if (adopt === undefined || address === undefined) return listener;
    // A port may be served with TLS from now on, or without.
    const heirloom = heirloomAt(left, address) ?? heirloomAt(left, address, asTcp);
    if (heirloom === undefined) return listener;
    left.delete(heirloom);
    return heirloom.listener(listener);
  });
}

function heirloomAt(
  left: Iterable<Heirloom>,
  wanted: string,
  place = (url: string): string => url,
): Heirloom | undefined {
  for (const heirloom of left) {
    const { address = '', socket } = heirloom;
    if ([address, socket.url ?? ''].some((url) => place(url) === place(wanted))) return heirloom;
  }
  return undefined;
}

function asTcp(url: string): string {
  return url.replace(/^tls:/, 'tcp:');
}

/**
 * The connection with the predecessor that has started this process to take over from it. It is
 * there once; who gets it must start it in the same turn.
 *
 * @throws HoldfastError `ERR_HOLDFAST_LISTEN` as {@link inherit}
 */
export function predecessorChannel(): Channel | undefined {
  const fd = inheritance()?.channel;
  if (fd === undefined || !hasChannel) return undefined;
  hasChannel = false;
  return new SocketChannel(new Socket({ fd }), { medium: 'hand-over', address: 'predecessor' });
}

/**
 * To be called when the predecessor has let go: from now on this process removes the files of the
 * Unix sockets at its end, and sockets that it does not serve are closed.
 */
export function takeOver(): void {
  if (inheritance()?.from !== 'predecessor') return;
  isHeir = true;
  for (const heirloom of heirlooms) heirloom.drop();
}
