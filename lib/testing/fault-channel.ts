import type { Channel, ChannelUser, Peer } from '../media/medium.ts';
import type { Clock } from '../util/clock.ts';
import { Lane, type Report } from './fault-lane.ts';
import { type Course, type Cut, checkCourse, type Direction, type Faults } from './faults.ts';

/** One connection of a fault medium, as a test sees it. */
export interface FaultyConnection {
  /** Bytes that have passed so far. */
  passed(direction: Direction): number;
  /** How it goes from now on in one direction; what is on its way arrives as it would have. */
  set(direction: Direction, course: Course): void;
  /**
   * Nothing passes any more, in one direction or in both, and nobody says so. What is written is
   * taken, as a kernel does, until the buffer is full.
   */
  stall(direction?: Direction): void;
  /**
   * Goes on after {@link stall}: what was held back arrives now, also from a client that has given
   * the connection up in the meantime.
   */
  recover(direction?: Direction): void;
  /** Ends it in order: both sides hear of it behind what is on its way. */
  fin(): void;
  /** Resets it: what is on its way is lost, and the client sees `ECONNRESET`. */
  reset(): void;
  /** The far end is gone, and here nobody says so: nothing comes, and what is written is lost. */
  halfOpen(): void;
}

/** What a channel shares with the others of its medium. */
export interface FaultChannelContext {
  readonly clock: Clock;
  /** Bytes on their way in one direction beyond which the writer has to wait. */
  readonly bufferBytes: number;
  /** It is over, at both ends. */
  readonly onGone: (channel: FaultChannel) => void;
}

/** A channel to which bad things can be done: its client uses it, and the test breaks it. */
export class FaultChannel implements Channel, FaultyConnection {
  readonly peer: Peer;
  readonly #channel: Channel;
  readonly #context: FaultChannelContext;
  readonly #toServer: Lane;
  readonly #toClient: Lane;
  readonly #passed = { toServer: 0, toClient: 0 };
  #user: ChannelUser | undefined;
  /** The report of a write for which the buffer has no room. */
  #waiting: Report | undefined;
  #isPaused = false;
  /** The channel below is not read, since its user does not, or the buffer is full. */
  #isHeldBack = false;
  /** Nothing may be written any more. */
  #isEnding = false;
  /** Nothing may be delivered any more but the end. */
  #isOver = false;
  #cause: Error | undefined;
  /** The channel below is closed. */
  #isGone = false;
  #isTold = false;

  constructor(channel: Channel, faults: Faults, context: FaultChannelContext) {
    this.peer = channel.peer;
    this.#channel = channel;
    this.#context = context;
    const { clock } = context;
    const onCut = (cut: Cut): void => this.#break(cut);
    const { toServer, toClient } = faults;
    const up = (bytes: Buffer, passed: Report): void => this.#passToServer(bytes, passed);
    const down = (bytes: Buffer, passed: Report): void => this.#passToClient(bytes, passed);
    this.#toServer = new Lane(clock, { pass: up, break: onCut }, toServer);
    this.#toClient = new Lane(clock, { pass: down, break: onCut }, toClient);
  }

  get dead(): boolean {
    return this.#isEnding || (this.#toClient.isPrompt && this.#channel.dead);
  }

  start(user: ChannelUser): void {
    this.#user = user;
    this.#channel.start({
      onBytes: (chunk) => {
        if (this.#isOver) return;
        this.#toClient.push(chunk);
        this.#regulate();
      },
      readInto: () => (this.#toClient.isOpen ? user.readInto?.() : undefined),
      onClosed: (cause) => this.#onClosed(cause),
    });
    if (this.#isOver) setImmediate(() => this.#tell());
  }

  write(parts: readonly Uint8Array[], taken: Report): void {
    if (this.#isEnding) {
      process.nextTick(taken, false);
      return;
    }
    const report: Report = (possibly) => {
      if (!this.#isTold) taken(possibly);
    };
    // Copied, as a kernel does: the writer may reuse its memory once the bytes are taken.
    const bytes = Buffer.concat(parts);
    if (this.#toServer.isOpen) {
      this.#toServer.push(bytes, report);
    } else {
      this.#waiting = report;
      this.#toServer.push(bytes);
      this.#reportRoom();
    }
  }

  pause(): void {
    this.#isPaused = true;
    this.#toClient.pause();
    this.#regulate();
  }

  resume(): void {
    this.#isPaused = false;
    this.#toClient.resume();
    this.#regulate();
  }

  ref(): void {
    this.#keepAlive(true);
  }

  unref(): void {
    this.#keepAlive(false);
  }

  close(): void {
    this.#isEnding = true;
    this.#toServer.after(() => this.#channel.close());
  }

  destroy(): void {
    if (this.#isOver) return;
    this.#toClient.clear();
    if (this.#isGone) {
      this.#end(undefined);
    } else if (this.#toServer.isLate) {
      // A kernel goes on with what it has taken, though nobody waits for it any more.
      this.#toServer.after(() => this.#channel.destroy());
      this.#end(undefined);
    } else {
      this.#isEnding = true;
      this.#isOver = true;
      this.#regulate();
      this.#channel.destroy();
    }
  }

  passed(direction: Direction): number {
    return this.#passed[direction];
  }

  set(direction: Direction, course: Course): void {
    const [lane] = this.#lanes(direction);
    lane?.set(checkCourse(course));
  }

  stall(direction?: Direction): void {
    for (const lane of this.#lanes(direction)) lane.stall();
  }

  recover(direction?: Direction): void {
    for (const lane of this.#lanes(direction)) lane.recover();
    this.#regulate();
  }

  fin(): void {
    this.#toServer.after(() => this.#channel.close());
    this.#toClient.after(() => this.#end(undefined));
  }

  reset(): void {
    this.#drop();
    this.#end(connectionReset());
  }

  halfOpen(): void {
    this.stall();
    this.#toServer.clear();
    this.#channel.destroy();
  }

  /** Ends both sides, whatever stands between them. */
  abandon(): void {
    this.#drop();
    this.#end(undefined);
  }

  #break({ as = 'rst' }: Cut): void {
    if (as === 'fin') this.fin();
    else if (as === 'rst') this.reset();
    else this.stall();
  }

  #passToServer(bytes: Buffer, passed: Report): void {
    this.#passed.toServer += bytes.length;
    this.#channel.write([bytes], passed);
    this.#reportRoom();
  }

  #passToClient(bytes: Buffer, passed: Report): void {
    this.#passed.toClient += bytes.length;
    this.#user?.onBytes(bytes);
    passed(true);
    this.#regulate();
  }

  /** The channel below is closed; its user hears of it behind what is on its way. */
  #onClosed(cause: Error | undefined): void {
    this.#isGone = true;
    if (this.#isTold) this.#context.onGone(this);
    const end = (): void => {
      if (!this.#isOver) this.#cause = cause;
      this.#isOver = true;
      this.#isEnding = true;
      this.#tell();
    };
    if (this.#isOver) end();
    else this.#toClient.after(end);
  }

  #drop(): void {
    this.#toServer.clear();
    this.#toClient.clear();
    this.#channel.destroy();
  }

  /** The user hears of an end that the channel below does not know of. */
  #end(cause: Error | undefined): void {
    if (this.#isOver) return;
    this.#isEnding = true;
    this.#isOver = true;
    this.#cause = cause;
    // Unless it is read, the channel below never sees its own end.
    this.#regulate();
    setImmediate(() => this.#tell());
  }

  #tell(): void {
    const user = this.#user;
    if (user === undefined || this.#isTold) return;
    this.#isTold = true;
    this.#user = undefined;
    if (this.#isGone) this.#context.onGone(this);
    user.onClosed(this.#cause);
  }

  /** A write that had to wait is through when there is room again. */
  #reportRoom(): void {
    const report = this.#waiting;
    if (report === undefined || this.#toServer.heldBytes > this.#context.bufferBytes) return;
    this.#waiting = undefined;
    process.nextTick(report, true);
  }

  #regulate(): void {
    const isFull = this.#toClient.heldBytes > this.#context.bufferBytes;
    const isHeldBack = !this.#isOver && (this.#isPaused || isFull);
    if (isHeldBack === this.#isHeldBack) return;
    this.#isHeldBack = isHeldBack;
    if (isHeldBack) this.#channel.pause();
    else this.#channel.resume();
  }

  #keepAlive(isRef: boolean): void {
    if (isRef) this.#channel.ref();
    else this.#channel.unref();
    for (const lane of this.#lanes()) lane.keepAlive(isRef);
  }

  #lanes(direction?: Direction): readonly Lane[] {
    if (direction === undefined) return [this.#toServer, this.#toClient];
    return [direction === 'toServer' ? this.#toServer : this.#toClient];
  }
}

/** As Node says it when it reads. */
function connectionReset(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' });
}
