import type { Channel, ChannelUser, Peer } from '../../lib/media/medium.ts';
import type { Entry } from './heap.ts';
import type { Process } from './process.ts';
import type { Random } from './random.ts';
import type { Ending, Stream } from './stream.ts';

/** How a process that runs Node is told what became of its writes. */
export interface Manners {
  /** What a write reports that is cancelled: Node 22, Node 20, ssh2. */
  readonly cancelled: 'failed' | 'ok' | 'never';
  /** Share of the writes that are reported only later, and how much. */
  readonly lateShare: number;
  readonly lateMs: number;
  /** A Unix socket says at once that the far end is closed; TCP takes the first write. */
  readonly tellsClosed: boolean;
}

/** Between bytes and the end behind them the event loop turns. */
const turnMs = 0.02;

const readBytes = 64 * 1024;

/** No message pauses for so long. */
const idleMs = 300;

/** A write of which the kernel has not taken everything. */
interface PendingWrite {
  left: Buffer[];
  readonly taken: (possibly: boolean) => void;
}

/** One end of a connection: the socket in the kernel, and what Node makes of it. */
export class SimChannel implements Channel {
  readonly peer: Peer;
  readonly process: Process;
  readonly incoming: Stream;
  readonly outgoing: Stream;
  far!: SimChannel;
  /** Reads no more than so many bytes at a time, and then not before so long. */
  slowness: { readonly bytes: number; readonly pauseMs: number } | undefined;
  readonly #manners: Manners;
  readonly #random: Random;
  #user: ChannelUser | undefined;
  #pending: PendingWrite | undefined;
  /** The kernel has taken a write, and the report of it is still to come. */
  #unreported: ((possibly: boolean) => void) | undefined;
  #isPaused = false;
  /** Both directions are shut; the kernel sends what it has. */
  #isShut = false;
  #isEnding = false;
  #isDestroyed = false;
  #isClosed = false;
  isRef = false;
  #reading: Entry | undefined;
  /** A slow reader takes its time. */
  #readableFrom = 0;

  constructor(
    process: Process,
    peer: Peer,
    streams: { readonly incoming: Stream; readonly outgoing: Stream },
    manners: Manners,
    random: Random,
  ) {
    this.process = process;
    this.peer = peer;
    this.incoming = streams.incoming;
    this.outgoing = streams.outgoing;
    this.#manners = manners;
    this.#random = random;
    this.incoming.onNews = () => this.#expect();
    process.holdings.add(this);
  }

  get dead(): boolean {
    return this.#isDestroyed || this.#isEnding;
  }

  /** True when its user has heard the last of it, or has ended. */
  get isClosed(): boolean {
    return this.#isClosed || !this.process.isAlive;
  }

  /** True when the kernel takes nothing and gives nothing any more. */
  get isShut(): boolean {
    return this.#isShut;
  }

  start(user: ChannelUser): void {
    this.#user = user;
    this.#expect();
  }

  write(parts: readonly Uint8Array[], taken: (possibly: boolean) => void): void {
    if (this.#pending !== undefined || this.#unreported !== undefined) {
      throw new Error('A write while an earlier one is pending');
    }
    if (this.dead) {
      process.nextTick(() => this.#isClosed || taken(false));
      return;
    }
    const isRefused = this.#manners.tellsClosed && this.far.isShut;
    if (this.incoming.arrivedEnding === 'rst' || isRefused) {
      this.#fail(taken, isRefused ? 'EPIPE' : 'ECONNRESET');
      return;
    }
    this.#pending = { left: parts.map(viewOf), taken };
    this.#push();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#expect();
  }

  ref(): void {
    this.isRef = true;
  }

  unref(): void {
    this.isRef = false;
  }

  close(): void {
    if (this.dead) return;
    this.#isEnding = true;
    if (this.#pending === undefined) this.outgoing.end('fin');
  }

  destroy(): void {
    this.#finish(undefined);
  }

  /** The socket is closed in the kernel, by its process or because that has ended. */
  shut(): void {
    if (this.#isShut) return;
    this.#isShut = true;
    const wasUnread = this.incoming.unreadBytes > 0;
    this.incoming.forget();
    this.outgoing.end(wasUnread ? 'rst' : 'fin');
    if (this.far.isShut) return;
    // What still comes is answered by a reset.
    if (this.far.hasUnsent) this.outgoing.end('rst');
  }

  /** A write of it waits for room. */
  get hasUnsent(): boolean {
    return this.#pending !== undefined;
  }

  /** The network, or somebody in it, ends the connection at this end. */
  kick(kind: Ending, isHasty: boolean): void {
    this.incoming.end(kind, isHasty);
  }

  /** True when nothing has come for a while, and nothing is on its way. */
  get isIdle(): boolean {
    const { unreadBytes, quietMs } = this.incoming;
    return unreadBytes === 0 && quietMs > idleMs && !this.far.hasUnsent;
  }

  /** Bytes are put in that nobody has sent. */
  inject(bytes: Buffer): void {
    if (!this.incoming.hasEnding) this.incoming.take(bytes);
  }

  #push(): void {
    const pending = this.#pending;
    if (pending === undefined || this.#isDestroyed) return;
    if (this.far.isShut) {
      // The kernel takes what has room, and is told later that nobody is there.
      this.outgoing.forget();
      this.process.world.after(this.outgoing.carriage.latencyMs, () => this.kick('rst', false));
    }
    while (pending.left.length > 0) {
      const room = this.far.isShut ? Number.POSITIVE_INFINITY : this.outgoing.room;
      const first = pending.left[0] as Buffer;
      if (room === 0) return;
      const part = first.subarray(0, room);
      // The memory is the writer's again once the write is reported.
      if (!this.far.isShut) this.outgoing.take(Buffer.from(part));
      if (part.length === first.length) pending.left.shift();
      else pending.left[0] = first.subarray(part.length);
    }
    this.#pending = undefined;
    this.#report(pending.taken);
    if (this.#isEnding) this.outgoing.end('fin');
  }

  #report(taken: (possibly: boolean) => void): void {
    const { lateShare, lateMs } = this.#manners;
    this.#unreported = taken;
    const report = (): void => {
      if (this.#unreported !== taken) return;
      this.#unreported = undefined;
      taken(true);
    };
    if (lateShare > 0 && this.#random.chance(lateShare)) {
      this.process.io(report, this.#random.between(0, lateMs));
    } else {
      process.nextTick(report);
    }
  }

  /** There is room again. */
  #onRoom(): void {
    if (this.#pending !== undefined && this.process.isAlive) this.process.io(() => this.#push());
  }

  /** A write fails: the kernel has taken nothing of it. */
  #fail(taken: (possibly: boolean) => void, code: string): void {
    this.#unreported = taken;
    this.process.io(() => {
      if (this.#unreported === taken) {
        this.#unreported = undefined;
        taken(false);
      }
      this.#finish(errorOf('write', code));
    });
  }

  /** Looks when there is something to read. */
  #expect(): void {
    const { nextAt } = this.incoming;
    if (nextAt === undefined || nextAt === Number.POSITIVE_INFINITY) return;
    if (this.#user === undefined || this.#isPaused || this.#isDestroyed) return;
    const waitMs = Math.max(nextAt, this.#readableFrom) - this.process.world.now;
    const reading = this.#reading;
    if (reading?.callback !== undefined) {
      if (reading.at <= this.process.world.now + Math.max(0, waitMs)) return;
      reading.callback = undefined;
    }
    this.#reading = this.process.io(() => this.#onReadable(), waitMs);
  }

  #onReadable(): void {
    const user = this.#user;
    if (user === undefined || this.#isPaused || this.#isDestroyed) return;
    const ending = this.incoming.reachedEnding;
    if (ending !== undefined) {
      this.#finish(ending === 'rst' ? errorOf('read', 'ECONNRESET') : undefined);
      return;
    }
    const most = this.slowness?.bytes ?? readBytes;
    const wanted = user.readInto?.();
    const target = wanted?.subarray(0, most) ?? Buffer.alloc(Math.min(most, this.#expectedBytes()));
    const size = this.incoming.read(target);
    if (size > 0) {
      this.far.#onRoom();
      user.onBytes(target.subarray(0, size));
      // The memory is the channel's: whoever keeps it has something else in it now.
      if (wanted === undefined) target.fill(0xa5);
    }
    const pauseMs = size === 0 ? 0 : (this.slowness?.pauseMs ?? turnMs);
    this.#readableFrom = this.process.world.now + pauseMs;
    this.#expect();
  }

  #expectedBytes(): number {
    return Math.max(1, this.incoming.unreadBytes);
  }

  #finish(cause: Error | undefined): void {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.shut();
    const pending = this.#pending?.taken;
    this.#pending = undefined;
    this.process.io(() => {
      const unreported = this.#unreported;
      this.#unreported = undefined;
      // What the kernel took whole is never reported as failed.
      unreported?.(true);
      if (pending !== undefined) this.#cancel(pending);
      this.#isClosed = true;
      this.process.holdings.delete(this);
      const user = this.#user;
      this.#user = undefined;
      user?.onClosed(cause);
    });
  }

  #cancel(taken: (possibly: boolean) => void): void {
    const { cancelled } = this.#manners;
    if (cancelled !== 'never') taken(cancelled === 'ok');
  }
}

function errorOf(syscall: string, code: string): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { code, syscall });
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
