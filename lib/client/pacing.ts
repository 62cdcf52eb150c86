import { type ErrorCode, type HoldfastError, isHoldfastError } from '../errors.ts';
import { Pacer } from '../retry/pacer.ts';
import { Alarm, wheelOf } from '../retry/timer-wheel.ts';
import type { Call } from './call.ts';
import type { CallQueue } from './call-queue.ts';
import { type CallErrorDetails, callError } from './failures.ts';
import type { ResolvedClientOptions } from './options.ts';

const code = 'ERR_HOLDFAST_OVERLOADED';

/** Codes of refusals by which a server says that it has too much to do. */
const overloadCodes: ReadonlySet<string> = new Set([
  code,
  'ERR_HOLDFAST_TOO_MANY_CALLS',
  'ERR_HOLDFAST_INCOMING_FULL',
]);

/** Fails a call, or asks the application what became of its earlier attempts. */
export type EndCall = (call: Call, code: ErrorCode, why: string, details: CallErrorDetails) => void;

/**
 * Lets the calls of one client leave its queue one after another while its server has too much to
 * do. A call whose turn would come after its deadline fails as soon as that is known.
 */
export class Pacing {
  readonly #pacer = new Pacer();
  readonly #options: ResolvedClientOptions;
  readonly #queue: CallQueue;
  readonly #alarm: Alarm;
  readonly #end: EndCall;

  /**
   * @param owner told when the next call has its turn
   * @param end called with calls whose turn would come too late
   */
  constructor(
    options: ResolvedClientOptions,
    queue: CallQueue,
    owner: { schedule(): void },
    end: EndCall,
  ) {
    this.#options = options;
    this.#queue = queue;
    this.#alarm = new Alarm(wheelOf(options.clock), () => owner.schedule());
    this.#end = end;
  }

  /** True while calls must wait for their turn. */
  get isOn(): boolean {
    return this.#pacer.isOn;
  }

  /** The error of a call that is made now and would come too late behind those that wait. */
  objectionTo(call: Call): HoldfastError | undefined {
    if (!this.#pacer.isOn) return undefined;
    const now = this.#options.clock.now();
    const waitMs = this.#pacer.waitMs(now, this.#queue.waiting + 1);
    if (now + waitMs < call.deadlineAt) return undefined;
    return callError(call, code, tooLate(waitMs), 'not-executed', { retryAfterMs: waitMs });
  }

  /** True when the next call may go now; if not, the owner is told when it may. */
  mayGo(): boolean {
    if (!this.#pacer.isOn) return true;
    const now = this.#options.clock.now();
    const waitMs = this.#pacer.waitMs(now, 1);
    if (waitMs === 0) return true;
    for (let first = this.#queue.peek(); first !== undefined; first = this.#queue.peek()) {
      if (now + waitMs < first.deadlineAt) break;
      this.#fail(first, waitMs);
    }
    if (!this.#alarm.isSet && this.#queue.waiting > 0) this.#alarm.set(now + waitMs);
    return false;
  }

  /**
   * The next connection is made then. When it is the server that asks for the pause, nothing comes of
   * waiting for it beyond a call's deadline.
   *
   * @param failure of the last one
   */
  endBefore(time: number, failure: Error | undefined): void {
    if (!isHoldfastError(failure) || !failure.retryAfterMs) return;
    const { code: told, message, cause } = failure;
    const retryAfterMs = Math.ceil(time - this.#options.clock.now());
    const why = `${message}; the next connection is made in ${retryAfterMs} ms, after the call's deadline`;
    for (const call of this.#queue.all()) {
      if (call.isQueued && call.deadlineAt <= time)
        this.#end(call, told, why, { cause, retryAfterMs });
    }
  }

  onSent(now: number): void {
    this.#pacer.onSent(now);
  }

  /** The server has refused a call that was sent at this time. */
  onRefused(given: string, sentAt: number): void {
    if (!this.#options.pacing || !overloadCodes.has(given)) return;
    const now = this.#options.clock.now();
    if (this.#pacer.onOverload(now, sentAt)) this.#endLate(now);
  }

  /** The server has executed a call. */
  onExecuted(): void {
    if (!this.#pacer.isOn) return;
    this.#pacer.onAnswer(this.#options.clock.now(), this.#queue.waiting);
  }

  /** Nobody waits any more. */
  rest(): void {
    this.#alarm.clear();
  }

  /** Those that wait must wait longer now. */
  #endLate(now: number): void {
    const late: (readonly [call: Call, waitMs: number])[] = [];
    let place = 1;
    for (const call of this.#queue.all()) {
      const waitMs = this.#pacer.waitMs(now, place);
      if (now + waitMs < call.deadlineAt) place++;
      else late.push([call, waitMs]);
    }
    for (const [call, waitMs] of late) if (call.isQueued) this.#fail(call, waitMs);
  }

  #fail(call: Call, waitMs: number): void {
    this.#end(call, code, tooLate(waitMs), { retryAfterMs: waitMs });
  }
}

function tooLate(waitMs: number): string {
  return `the server has too much to do, and the call's turn would come in ${Math.ceil(waitMs)} ms, after its deadline`;
}
