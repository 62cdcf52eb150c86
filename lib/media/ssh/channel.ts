import type { ClientChannel } from 'ssh2';
import { HoldfastError, messageOf } from '../../errors.ts';
import { Alarm, wheelOf } from '../../retry/timer-wheel.ts';
import { systemClock } from '../../util/clock.ts';
import { LastLines } from '../last-lines.ts';
import type { Channel, ChannelUser, Peer } from '../medium.ts';
import { type RemoteExit, remoteExitError } from '../remote-exit.ts';
import type { SshConnection } from './connection.ts';
import { Keepalive } from './keepalive.ts';
import type { SshSettings } from './options.ts';

/** Between the end of its output and its exit, whichever is first, a command has so much silence. */
const exitWaitMs = 250;

/** What ssh2's types do not tell. */
interface Direction {
  readonly state: string;
}
type OpenChannel = ClientChannel & { readonly incoming: Direction; readonly outgoing: Direction };

/**
 * A channel of ssh2, with the connection that it alone uses. ssh2 reports a write when it has given
 * the bytes to its socket, which proves nothing; a write that it has not reported is one of which it
 * still holds a part, and that is a proof.
 */
export class SshChannel implements Channel {
  readonly peer: Peer;
  readonly #connection: SshConnection;
  readonly #channel: OpenChannel;
  readonly #address: string;
  readonly #isCommand: boolean;
  readonly #keepalive: Keepalive;
  readonly #exitAlarm = new Alarm(wheelOf(systemClock), () => this.#onExitAlarm());
  readonly #stderr = new LastLines();
  #user: ChannelUser | undefined;
  /** The report of the outstanding write. */
  #taken: ((possibly: boolean) => void) | undefined;
  /** ssh2 was given the outstanding write while the channel was open, and has not reported it. */
  #isHeld = false;
  #exit: RemoteExit | undefined;
  /** What was heard when the exit alarm was set. */
  #heardBytes = 0;
  #hasServed = false;
  #hasEnded = false;
  /** The connection ended under the open channel. */
  #isLost = false;
  #isConnectionClosed = false;
  #isClosing = false;
  #isDestroyed = false;
  #isClosed = false;
  #cause: Error | undefined;

  constructor(
    connection: SshConnection,
    channel: ClientChannel,
    peer: Peer,
    address: string,
    { command, keepaliveMs, keepaliveCount }: SshSettings,
  ) {
    this.peer = peer;
    this.#connection = connection;
    this.#channel = channel as OpenChannel;
    this.#address = address;
    this.#isCommand = command !== undefined;
    this.#keepalive = new Keepalive(connection, keepaliveMs, keepaliveCount, address);
    connection.onError = () => {};
    connection.onEnding = () => {
      this.#isLost = this.#channel.incoming.state === 'open' && this.#exit === undefined;
    };
    // ssh2 ends the channel behind what has come; nobody waits for that who destroyed it.
    connection.onClosed = () => {
      this.#isConnectionClosed = true;
      if (this.#isDestroyed) this.#finish();
    };
    channel.on('error', (error: Error) => connection.destroy(error));
    channel.on('exit', (code: number | null, signal?: string) => {
      this.#exit ??= { code: code ?? undefined, signal };
      this.#awaitExit();
    });
    channel.on('end', () => this.#onEnd());
    channel.on('close', () => this.#finish());
    channel.stderr.on('data', (chunk: Buffer) => this.#stderr.add(chunk));
    connection.socket.unref();
  }

  get dead(): boolean {
    const { incoming, outgoing } = this.#channel;
    return (
      this.#hasEnded ||
      this.#isClosing ||
      this.#exit !== undefined ||
      this.#connection.isDead ||
      incoming.state !== 'open' ||
      outgoing.state !== 'open'
    );
  }

  start(user: ChannelUser): void {
    this.#user = user;
    if (this.#isClosed) {
      process.nextTick(() => this.#tell());
      return;
    }
    this.#channel.on('data', (chunk: Buffer) => {
      if (this.#isDestroyed || this.#isClosed) return;
      this.#hasServed = true;
      user.onBytes(chunk);
    });
  }

  write(parts: readonly Uint8Array[], taken: (possibly: boolean) => void): void {
    this.#taken = taken;
    if (this.dead) {
      // Given to nobody: ssh2 would say that it went well.
      process.nextTick(() => this.#report(false));
      return;
    }
    const { socket } = this.#connection;
    const bytes = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    this.#isHeld = true;
    // ssh2 makes several small writes of each packet.
    socket.cork();
    try {
      this.#channel.write(bytes, (error?: Error | null) => {
        this.#isHeld = false;
        if (error) return;
        // ssh2 does not mind how much waits in its socket; but what waits there has not left.
        if (socket.writableNeedDrain) socket.once('drain', () => this.#report(true));
        else this.#report(true);
      });
    } catch (error) {
      this.#isHeld = false;
      this.#connection.destroy(error as Error);
    } finally {
      socket.uncork();
    }
  }

  pause(): void {
    this.#channel.pause();
  }

  resume(): void {
    this.#channel.resume();
  }

  ref(): void {
    this.#connection.socket.ref();
  }

  unref(): void {
    this.#connection.socket.unref();
  }

  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#channel.end();
  }

  destroy(): void {
    this.#isClosing = true;
    this.#isDestroyed = true;
    this.#connection.destroy();
    // Who paused was not told of the end; no more events come.
    if (this.#isConnectionClosed) setImmediate(() => this.#finish());
  }

  #report(possibly: boolean): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.(possibly);
  }

  /** The far end sends no more. */
  #onEnd(): void {
    this.#hasEnded = true;
    if (this.#isCommand && this.#exit === undefined) this.#awaitExit();
    else this.#connection.end();
  }

  /**
   * Of a command's last output, its exit and the channel's end each can come first, and some never
   * come: when another process has its output, or when it closes that and lives on.
   */
  #awaitExit(): void {
    if (this.#isClosed) return;
    this.#heardBytes = this.#connection.heardBytes;
    this.#exitAlarm.set(systemClock.now() + exitWaitMs);
  }

  #onExitAlarm(): void {
    const isMoving = this.#connection.heardBytes !== this.#heardBytes;
    if (isMoving || this.#channel.isPaused()) this.#awaitExit();
    else this.#connection.end();
  }

  #finish(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#keepalive.stop();
    this.#exitAlarm.clear();
    this.#cause = this.#whyClosed();
    this.#connection.end();
    if (this.#isHeld && this.#channel.writableLength > 0) this.#report(false);
    this.#taken = undefined;
    this.#tell();
  }

  #tell(): void {
    const user = this.#user;
    this.#user = undefined;
    user?.onClosed(this.#cause);
  }

  #whyClosed(): Error | undefined {
    if (this.#isDestroyed) return undefined;
    if (this.#isLost) {
      const { cause } = this.#connection;
      if (cause instanceof HoldfastError) return cause;
      const why = cause === undefined ? 'it was closed under the open channel' : messageOf(cause);
      const message = `The SSH connection to ${this.#address} was lost: ${why}`;
      return new HoldfastError('ERR_HOLDFAST_LOST', message, { cause });
    }
    if (this.#isClosing || this.#exit === undefined) return undefined;
    return remoteExitError(this.#exit, this.#hasServed, this.#address, this.#stderr);
  }
}
