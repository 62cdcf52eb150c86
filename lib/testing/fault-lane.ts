import type { Clock, Timer } from '../util/clock.ts';
import type { Course, Cut } from './faults.ts';

/** Says that bytes were handed on, as the callback of a write does. */
export type Report = (possibly: boolean) => void;

/** What a lane leads to. */
export interface LaneEnd {
  /** Hands bytes on; the next ones follow when `passed` was called. */
  pass(bytes: Buffer, passed: Report): void;
  /** The cut is reached: what comes before it was handed on. */
  break(cut: Cut): void;
}

/** Bytes on their way, or something to do when all that comes before has arrived. */
interface Piece {
  readonly bytes: Buffer;
  readonly dueAt: number;
  readonly report: Report | undefined;
  readonly action: (() => void) | undefined;
}

const nothing = Buffer.alloc(0);

/** A slow lane hands on at once what passes within so much time. */
const tickMs = 10;

/** One direction of a connection: hands bytes on in order; late, slowly, in part, or not at all. */
export class Lane {
  /** Bytes that are on their way. */
  heldBytes = 0;
  readonly #clock: Clock;
  readonly #end: LaneEnd;
  #queue: Piece[] = [];
  #course: Course = {};
  /** Bytes until the cut. */
  #room = Number.POSITIVE_INFINITY;
  #isStalled = false;
  /** The reader does not read. */
  #isPaused = false;
  #isPassing = false;
  /** When what was pushed last has left, at the lane's speed. */
  #freeAt = 0;
  #timer: Timer | undefined;
  /** When the timer fires, if it is set. */
  #wakesAt: number | undefined;
  #isRef = false;

  constructor(clock: Clock, end: LaneEnd, course: Course = {}) {
    this.#clock = clock;
    this.#end = end;
    this.set(course);
  }

  /** True when news takes no time. */
  get isPrompt(): boolean {
    const { delayMs = 0, bytesPerMs = Number.POSITIVE_INFINITY } = this.#course;
    return delayMs === 0 && bytesPerMs === Number.POSITIVE_INFINITY && !this.#isStalled;
  }

  /** True when bytes are handed on as soon as they are pushed. */
  get isOpen(): boolean {
    return this.isPrompt && !this.#isPaused && !this.#isPassing && this.#queue.length === 0;
  }

  /** True when nothing that is pushed now arrives soon. */
  get isLate(): boolean {
    return this.#isStalled || this.heldBytes > 0;
  }

  /** How it goes with what is pushed from now on; the cut counts from now too. */
  set(course: Course): void {
    this.#course = course;
    this.#room = course.cut?.afterBytes ?? Number.POSITIVE_INFINITY;
  }

  stall(): void {
    this.#isStalled = true;
  }

  recover(): void {
    this.#isStalled = false;
    this.#pump();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#pump();
  }

  /** What is on its way is lost. */
  clear(): void {
    this.#queue = [];
    this.heldBytes = 0;
    this.#timer?.cancel();
    this.#wakesAt = undefined;
  }

  /** Whether bytes on their way keep the process alive. */
  keepAlive(isRef: boolean): void {
    this.#isRef = isRef;
    this.#refTimer();
  }

  /** Sends bytes; `report` is for when the lane is open. Their memory may be used again at once. */
  push(bytes: Buffer, report?: Report): void {
    if (this.isOpen) this.#add({ bytes, dueAt: 0, report, action: undefined });
    else this.#split(Buffer.from(bytes));
    this.#pump();
  }

  /** Calls back when everything that was pushed has been handed on. */
  after(action: () => void): void {
    const dueAt = this.isOpen ? 0 : this.#dueAt(0);
    this.#add({ bytes: nothing, dueAt, report: undefined, action });
    this.#pump();
  }

  /** A slow lane hands long bytes on in parts. */
  #split(bytes: Buffer): void {
    const { bytesPerMs = Number.POSITIVE_INFINITY } = this.#course;
    const step = Math.max(1, Math.floor(Math.min(bytesPerMs * tickMs, bytes.length)));
    for (let at = 0; at < bytes.length; at += step) {
      const part = bytes.subarray(at, at + step);
      this.#add({
        bytes: part,
        dueAt: this.#dueAt(part.length),
        report: undefined,
        action: undefined,
      });
    }
  }

  #dueAt(byteLength: number): number {
    const { delayMs = 0, bytesPerMs = Number.POSITIVE_INFINITY } = this.#course;
    this.#freeAt = Math.max(this.#freeAt, this.#clock.now()) + byteLength / bytesPerMs;
    return this.#freeAt + delayMs;
  }

  #add(piece: Piece): void {
    this.#queue.push(piece);
    this.heldBytes += piece.bytes.length;
  }

  #pump(): void {
    while (!this.#isStalled && !this.#isPaused && !this.#isPassing) {
      const piece = this.#queue[0];
      if (piece === undefined) return;
      if (piece.dueAt > this.#clock.now()) {
        this.#wakeAt(piece.dueAt);
        return;
      }
      this.#queue.shift();
      this.heldBytes -= piece.bytes.length;
      if (piece.action === undefined) this.#pass(piece);
      else piece.action();
    }
  }

  #pass({ bytes, report }: Piece): void {
    const { cut } = this.#course;
    this.#isPassing = true;
    if (cut !== undefined && bytes.length >= this.#room) {
      this.#passUpTo(cut, bytes, report);
      return;
    }
    this.#room -= bytes.length;
    this.#end.pass(bytes, (possibly) => {
      this.#isPassing = false;
      report?.(possibly);
      this.#pump();
    });
  }

  #passUpTo(cut: Cut, bytes: Buffer, report: Report | undefined): void {
    const { as, report: told = 'failed' } = cut;
    const part = bytes.subarray(0, this.#room);
    const rest = bytes.subarray(this.#room);
    const stop = (): void => {
      const { cut: _, ...course } = this.#course;
      this.#isPassing = false;
      this.set(course);
      if (as !== 'stall') this.clear();
      else this.#putBack(rest);
      // A write fails only if its rest is lost for good.
      const mayFail = rest.length > 0 && as !== 'stall';
      if (told !== 'never') report?.(told === 'ok' || !mayFail);
      this.#end.break(cut);
    };
    if (part.length === 0) process.nextTick(stop);
    else this.#end.pass(part, stop);
  }

  #putBack(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#queue.unshift({
      bytes: Buffer.from(bytes),
      dueAt: 0,
      report: undefined,
      action: undefined,
    });
    this.heldBytes += bytes.length;
  }

  #wakeAt(dueAt: number): void {
    if (dueAt === this.#wakesAt) return;
    this.#timer?.cancel();
    this.#wakesAt = dueAt;
    const wake = (): void => {
      this.#wakesAt = undefined;
      this.#pump();
    };
    this.#timer = this.#clock.setTimer(wake, dueAt - this.#clock.now());
    this.#refTimer();
  }

  #refTimer(): void {
    if (this.#isRef) this.#timer?.ref();
    else this.#timer?.unref();
  }
}
