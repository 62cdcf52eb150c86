import type { Clock, Timer } from '../util/clock.ts';

/** Something that is due at a time. An object may be on at most one wheel, once. */
export interface Due {
  /** When, on the wheel's clock. Set by the wheel. */
  dueAt: number;
  /** The wheel's own links; `undefined` when not on a wheel. */
  wheelNext: Due | undefined;
  wheelPrevious: Due | undefined;
  /** Called once, not before `dueAt` and usually within {@link tickMs} of it. */
  onDue(): void;
}

/** Width of a slot: how late an entry can be called on an idle loop. */
export const tickMs = 4;

/** Slots: entries further away than 32 s stay in theirs for more than one round. */
const slotCount = 8192;

/**
 * All deadlines of a process on one real timer: a hashed wheel (Varghese and Lauck, scheme 6).
 * Adding and removing cost a few pointer writes and no allocation.
 *
 * Before anything is called due, the event loop gets two turns to read: when it was blocked (or the
 * machine asleep), what the peer sent in time still lies in the kernel and must not be missed.
 */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #slots: (Head | undefined)[] = new Array(slotCount).fill(undefined);
  /** Slot numbers (not yet reduced to the wheel's size) up to here were looked through. */
  #swept: number;
  #count = 0;
  #timer: Timer | undefined;
  #armedFor = Number.POSITIVE_INFINITY;
  #holds = 0;
  /** The timer has fired and the loop has its turns to read; the timer is set again behind them. */
  #isReading = false;
  readonly #fire = (): void => this.#onTimer();
  readonly #sweepNow = (): void => this.#sweep();
  readonly #letRead = (): void => this.#clock.nextTurn(this.#sweepNow);

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#swept = Math.floor(clock.now() / tickMs) - 1;
  }

  /** Entries on the wheel. */
  get size(): number {
    return this.#count;
  }

  /** Puts an entry on the wheel, or moves it if it is there. */
  add(entry: Due, dueAt: number): void {
    if (entry.wheelNext !== undefined) this.remove(entry);
    entry.dueAt = dueAt;
    const slot = Math.max(Math.ceil(dueAt / tickMs), this.#swept + 1);
    const head = this.#head(slot % slotCount);
    link(entry, head);
    this.#count++;
    const fireAt = slot * tickMs;
    if (fireAt < this.#armedFor && !this.#isReading) this.#arm(fireAt);
  }

  /** Takes an entry off; one that is not on the wheel is left alone. */
  remove(entry: Due): void {
    if (entry.wheelNext === undefined) return;
    unlink(entry);
    this.#count--;
  }

  /**
   * Keeps the process alive while there is at least one hold: one for each client that has calls
   * pending. Without holds the wheel's timer does not keep it alive.
   */
  hold(): void {
    if (this.#holds++ > 0) return;
    if (this.#timer === undefined && !this.#isReading) this.#armNext();
    this.#timer?.ref();
  }

  release(): void {
    if (--this.#holds === 0) this.#timer?.unref();
  }

  #head(index: number): Head {
    let head = this.#slots[index];
    if (head === undefined) {
      head = new Head();
      this.#slots[index] = head;
    }
    return head;
  }

  #arm(fireAt: number): void {
    this.#timer?.cancel();
    this.#armedFor = fireAt;
    const delayMs = Math.max(0, Math.ceil(fireAt - this.#clock.now()));
    this.#timer = this.#clock.setTimer(this.#fire, delayMs);
    if (this.#holds === 0) this.#timer.unref();
  }

  #onTimer(): void {
    this.#timer = undefined;
    this.#isReading = true;
    this.#clock.nextTurn(this.#letRead);
  }

  #sweep(): void {
    const now = this.#clock.now();
    const last = Math.floor(now / tickMs);
    const first = Math.max(this.#swept + 1, last - slotCount + 1);
    this.#swept = last;
    const due = new Head();
    for (let slot = first; slot <= last; slot++) {
      const head = this.#slots[slot % slotCount];
      if (head !== undefined) this.#takeDue(head, now, due);
    }
    for (let entry = due.wheelNext; entry !== due; entry = due.wheelNext) {
      unlink(entry);
      this.#count--;
      call(entry);
    }
    this.#isReading = false;
    this.#armNext();
  }

  /** Moves what is due from a slot to a list of its own, so that callbacks may change the wheel. */
  #takeDue(head: Head, now: number, due: Head): void {
    let entry = head.wheelNext;
    while (entry !== head) {
      const next = entry.wheelNext as Due;
      if (entry.dueAt <= now) {
        unlink(entry);
        link(entry, due);
      }
      entry = next;
    }
  }

  #armNext(): void {
    this.#armedFor = Number.POSITIVE_INFINITY;
    if (this.#count === 0 && this.#holds === 0) return;
    for (let slot = this.#swept + 1; slot <= this.#swept + slotCount; slot++) {
      const head = this.#slots[slot % slotCount];
      if (head === undefined || head.wheelNext === head) continue;
      this.#arm(slot * tickMs);
      return;
    }
    this.#arm((this.#swept + slotCount) * tickMs);
  }
}

/** One that throws must not stop the others, nor the wheel; its error surfaces as uncaught. */
function call(entry: Due): void {
  try {
    entry.onDue();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** The anchor of a slot's ring. */
class Head implements Due {
  dueAt = 0;
  wheelNext: Due = this;
  wheelPrevious: Due = this;

  onDue(): void {}
}

function link(entry: Due, head: Head): void {
  const last = head.wheelPrevious;
  entry.wheelPrevious = last;
  entry.wheelNext = head;
  last.wheelNext = entry;
  head.wheelPrevious = entry;
}

function unlink(entry: Due): void {
  const { wheelNext, wheelPrevious } = entry;
  if (wheelPrevious !== undefined) wheelPrevious.wheelNext = wheelNext;
  if (wheelNext !== undefined) wheelNext.wheelPrevious = wheelPrevious;
  entry.wheelNext = undefined;
  entry.wheelPrevious = undefined;
}

const wheels = new WeakMap<Clock, TimerWheel>();

/** The one wheel of a clock. */
export function wheelOf(clock: Clock): TimerWheel {
  let wheel = wheels.get(clock);
  if (wheel === undefined) {
    wheel = new TimerWheel(clock);
    wheels.set(clock, wheel);
  }
  return wheel;
}

/** A due time of its own: what is called can be set and cleared again and again. */
export class Alarm implements Due {
  dueAt = 0;
  wheelNext: Due | undefined;
  wheelPrevious: Due | undefined;
  readonly onDue: () => void;
  readonly #wheel: TimerWheel;

  constructor(wheel: TimerWheel, onDue: () => void) {
    this.#wheel = wheel;
    this.onDue = onDue;
  }

  get isSet(): boolean {
    return this.wheelNext !== undefined;
  }

  set(dueAt: number): void {
    this.#wheel.add(this, dueAt);
  }

  clear(): void {
    this.#wheel.remove(this);
  }
}
