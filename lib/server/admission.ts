import type { Refusal } from '../protocols/protocol.ts';
import type { Due, TimerWheel } from '../retry/timer-wheel.ts';
import type { Clock } from '../util/clock.ts';
import { type Answers, busy } from './answers.ts';
import { deserted } from './once-work.ts';
import type { ServerCall } from './server-call.ts';
import { Turns } from './turns.ts';

/** How much a server does at a time, and what waits for that. */
export interface AdmissionLimits {
  readonly maxConcurrency: number;
  readonly maxQueue: number;
}

/** Of how long handlers take, the last one counts for so much. */
const weight = 1 / 8;

/** No client is asked to wait longer than this. */
const maxHintMs = 60_000;

/**
 * Bounds how many handlers run at a time, over all clients. A few calls more wait for their turn; the
 * rest is refused at once, with a hint when to come again, so that nothing is worked on that nobody
 * waits for any more.
 *
 * Clients take turns; of each client the queue is first in, first out. Facebook turned to last in, first out under load because old
 * requests are those whose callers have given up (B. Maurer, "Fail at Scale", ACM Queue 13(8),
 * 2015). Here each call brings its deadline and is taken out when its caller gives up, and one whose
 * turn would come too late is not let in, so those that wait are wanted; and the calls of one client
 * keep their order. When the queue is full and a client has less than its share of it, the newest call
 * of the client that has the most makes room. That leaves the length: half as many as run at a time, as in "Addressing
 * Cascading Failures" (Site Reliability Engineering, chapter 22).
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  readonly #answers: Answers;
  readonly #queue = new Turns<WaitingCall>();
  #running = 0;
  /** How long a handler takes, smoothed; undefined before one has ended. */
  #typicalMs: number | undefined;
  /** When the last place became free, or all were taken. */
  #changedAt = 0;
  #isStarting = false;

  constructor(limits: AdmissionLimits, clock: Clock, wheel: TimerWheel, answers: Answers) {
    this.#limits = limits;
    this.#clock = clock;
    this.#wheel = wheel;
    this.#answers = answers;
  }

  /** True when a call must wait. */
  get isFull(): boolean {
    return this.#running >= this.#limits.maxConcurrency;
  }

  /** Why a call of a client that has so much time left is neither run now nor later, if it is not. */
  objectionTo(client: object, remainingMs: number): Refusal | undefined {
    if (!this.isFull) return undefined;
    const { maxQueue } = this.#limits;
    const untilMs = this.#untilMs(this.#queue.ahead(client));
    if (this.#queue.size >= maxQueue && !this.#queue.hasShare(client, maxQueue)) {
      return this.#isLong(untilMs);
    }
    if (untilMs < remainingMs) return undefined;
    const late = `this one's turn would come in ${Math.ceil(untilMs)} ms, after its deadline`;
    return overloaded(`${this.#limit}, and ${late}`, untilMs);
  }

  #isLong(untilMs: number): Refusal {
    return overloaded(`${this.#limit}, and ${this.#queue.size} wait already`, untilMs);
  }

  get #limit(): string {
    return `the server runs maxConcurrency (${this.#limits.maxConcurrency}) calls`;
  }

  /** When a call's turn comes behind so many others. */
  #untilMs(ahead: number): number {
    return ((ahead + 1) * this.#paceMs()) / this.#limits.maxConcurrency;
  }

  /** The call's handler begins. */
  enter(call: ServerCall): void {
    call.begunAt = this.#clock.now();
    this.#running++;
    if (this.isFull) this.#changedAt = call.begunAt;
  }

  /** The call's handler has ended, or there was none to run; the next call begins. */
  leave({ begunAt }: ServerCall): void {
    const now = this.#clock.now();
    const tookMs = now - begunAt;
    this.#typicalMs ??= tookMs;
    this.#typicalMs += weight * (tookMs - this.#typicalMs);
    this.#changedAt = now;
    this.#running--;
    this.#startWaiting();
  }

  /**
   * The call waits for its turn.
   *
   * @param run begins the handler; the call has entered by then
   * @param onGone the call will not run: it was refused, or nobody waits for it any more
   */
  wait(call: ServerCall, run: () => void, onGone: () => void): void {
    const waiting = new WaitingCall(call, run, onGone, (expired) => {
      this.#refuse(expired, deserted);
    });
    call.waiting = { drop: () => this.#drop(waiting) };
    if (this.#queue.size >= this.#limits.maxQueue) this.#makeRoom();
    this.#queue.add(waiting);
    const { remainingMs } = call;
    if (remainingMs === Number.POSITIVE_INFINITY) return;
    this.#wheel.add(waiting, this.#clock.now() + remainingMs);
  }

  /** Somebody has more than a fair share of the queue. */
  #makeRoom(): void {
    const last = this.#queue.newestOfLongest();
    if (last !== undefined) this.#refuse(last, this.#isLong(this.#untilMs(this.#queue.size)));
  }

  /** Nothing that waits will run here; true when there was something. */
  refuseAll(refusal: Refusal): boolean {
    const all = this.#queue.all();
    for (const waiting of all) this.#refuse(waiting, refusal);
    return all.length > 0;
  }

  #startWaiting(): void {
    // A handler that answers at once leaves in the midst of this.
    if (this.#isStarting) return;
    this.#isStarting = true;
    while (!this.isFull) {
      const waiting = this.#queue.take();
      if (waiting === undefined) break;
      if (waiting.call.remainingMs > 0) {
        this.#remove(waiting);
        this.enter(waiting.call);
        waiting.run();
      } else {
        this.#refuse(waiting, deserted);
      }
    }
    this.#isStarting = false;
  }

  #refuse(waiting: WaitingCall, refusal: Refusal): void {
    this.#remove(waiting);
    this.#answers.refuse(waiting.call, refusal);
    waiting.onGone();
  }

  #drop(waiting: WaitingCall): void {
    this.#remove(waiting);
    waiting.onGone();
  }

  #remove(waiting: WaitingCall): void {
    waiting.call.waiting = undefined;
    this.#queue.delete(waiting);
    this.#wheel.remove(waiting);
  }

  /** How long a handler takes, at least so long as nothing has ended since. */
  #paceMs(): number {
    return Math.max(this.#typicalMs ?? 0, this.#clock.now() - this.#changedAt);
  }
}

/** A call in the queue; it is due at its deadline. */
class WaitingCall implements Due {
  readonly call: ServerCall;
  readonly run: () => void;
  readonly onGone: () => void;
  readonly #onExpired: (waiting: WaitingCall) => void;
  dueAt = 0;
  wheelNext: Due | undefined;
  wheelPrevious: Due | undefined;

  constructor(
    call: ServerCall,
    run: () => void,
    onGone: () => void,
    onExpired: (waiting: WaitingCall) => void,
  ) {
    this.call = call;
    this.run = run;
    this.onGone = onGone;
    this.#onExpired = onExpired;
  }

  /** The client: calls of one have one session. */
  get party(): object {
    return this.call.session;
  }

  onDue(): void {
    this.#onExpired(this);
  }
}

function overloaded(message: string, untilMs: number): Refusal {
  const retryAfterMs = Math.max(1, Math.min(maxHintMs, Math.ceil(untilMs)));
  return { ...busy('ERR_HOLDFAST_OVERLOADED', message), retryAfterMs };
}
