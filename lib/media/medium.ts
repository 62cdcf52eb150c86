import type { HoldfastError } from '../errors.ts';

/**
 * A way to reach a server. It knows how to dial and yields channels; it keeps no connection itself.
 * One medium may serve many clients.
 */
export interface Medium {
  /** What errors and events call it: a URL without secrets, e.g. `tcp://127.0.0.1:4155`. */
  readonly address: string;
  /**
   * True when what is sent crosses a network that may lose it, and a channel costs little: one that
   * stalls is left for a fresh one to the same server, and several may be dialled at a time.
   */
  readonly losesPackets?: boolean;
  /**
   * Opens one channel. Rejects with the medium's own error (`ECONNREFUSED` and the like), or with a
   * `HoldfastError` whose `final` says that dialling again cannot help. When `signal` aborts, the
   * attempt is given up and everything that it opened is closed.
   *
   * @param onAnswered called when the far end's system has answered, where the channel is open only
   *   once its server has, too: what is slow from then on may be the server, and not the path
   */
  dial(signal: AbortSignal, onAnswered?: () => void): Promise<Channel>;
}

/** A way to be reached: what `serve` listens on. */
export interface Listener {
  /** What it is told to listen at; by it a successor finds the socket that it inherits. */
  readonly address?: string;
  /**
   * Starts to listen; each connection is handed to `accept`, which owns it from then on.
   * Rejects with `ERR_HOLDFAST_LISTEN` when that is not possible.
   */
  listen(accept: (channel: Channel) => void): Promise<Listening>;
  /**
   * Like {@link listen}, on a socket that another process has made. The socket is used up, also when
   * this rejects. Missing where there is no socket to listen on.
   */
  adopt?(socket: InheritedSocket, accept: (channel: Channel) => void): Promise<Listening>;
}

/** A listening socket that this process was started with. */
export interface InheritedSocket {
  /** Its descriptor. */
  readonly fd: number;
  /** Where clients reach it; missing where systemd made it, which does not say. */
  readonly url?: string;
  /** What systemd calls it. */
  readonly name?: string;
  /** Its file, if it is a Unix socket of holdfast's and not of systemd's. */
  readonly file?: SocketFile;
}

/** The file of a Unix socket: who may remove it, and when. */
export interface SocketFile {
  readonly path: string;
  /** Tells it from another file at the same path. */
  readonly id: string;
  /** Whether it is there, and this process is the one to remove it. */
  readonly isOurs: boolean;
  /** Removes it, if it is ours. */
  remove(): void;
}

/** What a successor must be given to listen at the same address. */
export interface ListeningSocket {
  /** Valid until the listening is closed or released. */
  readonly fd: number;
  /** What the listener was told: its {@link Listener.address}. */
  readonly address: string;
  /** As in {@link InheritedSocket}. */
  readonly name?: string;
  readonly file?: SocketFile;
}

/** A listener at work. */
export interface Listening {
  /** Where clients reach it, e.g. `tcp://127.0.0.1:40123`. */
  readonly url: string;
  /** Missing where there is no socket that a successor could be given, and after the end. */
  readonly socket?: ListeningSocket | undefined;
  /** Takes no new connections; those that were accepted live on. Resolves when the address is free. */
  close(): Promise<void>;
  /**
   * Takes no new connections, and leaves the address to the process that holds the same socket.
   * What was accepted is handed over before it resolves. A Unix socket's path is missing for an
   * instant, within the turn in which this is called: a client that dials just then must try again.
   */
  release?(): Promise<void>;
}

/** What is known of the far end. */
export interface Peer {
  /** `tcp`, `unix`, `memory`, … */
  readonly medium: string;
  /** E.g. `127.0.0.1:40123`; empty where the medium has no such thing. */
  readonly address: string;
  /** Who it has proved to be; missing where that is not known, or was not verified. */
  readonly identity?: PeerIdentity;
}

/** The verified certificate of the far end. */
export interface PeerIdentity {
  readonly kind: 'certificate';
  /** One attribute a line, as Node prints it, e.g. `CN=backup`. */
  readonly subject: string;
  /** As Node prints it, e.g. `DNS:backup.example, DNS:b.example`; empty where there is none. */
  readonly subjectAltName: string;
  /** SHA-256 of the whole certificate, in hexadecimal with colons. */
  readonly fingerprint256: string;
}

/**
 * One open duplex byte stream. Its user must call {@link start} in the turn in which it got the
 * channel, and owns it: it ends with {@link close} or {@link destroy}.
 */
export interface Channel {
  readonly peer: Peer;
  /**
   * True as soon as anything showed that the channel is dead: an end, an error, a close. Nothing
   * that is written afterwards leaves this process.
   */
  readonly dead: boolean;
  /** Starts reading. Everything that comes is handed over; the channel always has a reader. */
  start(user: ChannelUser): void;
  /**
   * True while the operating system has all that was written: another write may begin although
   * earlier ones are pending, and the memory of what was written may be written over. Their `taken`
   * are called in their order.
   */
  readonly isThrough?: boolean;
  /**
   * Hands bytes to the operating system. Never called while an earlier write is pending, unless
   * {@link isThrough}. `taken` is called at most once, and before {@link ChannelUser.onClosed}: with `false` only when it is
   * *proven* that not all of these bytes were taken; `true` proves nothing.
   */
  write(parts: readonly Uint8Array[], taken: (possibly: boolean) => void): void;
  /** Stops and goes on reading, for back-pressure. */
  pause(): void;
  resume(): void;
  /** Whether this channel alone keeps the process alive. A channel starts without. */
  ref(): void;
  unref(): void;
  /** Sends what was written, then ends. */
  close(): void;
  /** Ends now. */
  destroy(): void;
}

/** Who reads a channel. */
export interface ChannelUser {
  /** Bytes from the far end. The memory is the channel's: it may be reused after the call. */
  onBytes(chunk: Buffer): void;
  /**
   * Where the next bytes should be read into, if the user has a place for them (a long message);
   * such bytes come in {@link onBytes} as a part of that very memory.
   */
  readInto?(): Buffer | undefined;
  /** Called exactly once, as the last thing. `cause` is undefined after an orderly end. */
  onClosed(cause: Error | HoldfastError | undefined): void;
}
