import { wheelOf } from '../retry/timer-wheel.ts';
import type { VerbRow } from '../verbs/table.ts';
import { Inactivity } from './inactivity.ts';
import type { GivenOptions, ResolvedClientOptions } from './options.ts';
import type { VerbUse } from './verb-use.ts';

/** A call, as far as its streams use it. */
export interface StreamedCall {
  readonly number: number;
  readonly isSettled: boolean;
  readonly verb: VerbUse;
  /** What held of the verb when the call was sent last. */
  readonly row: VerbRow;
  readonly given: GivenOptions | undefined;
  readonly madeAt: number;
  readonly deadlineAt: number;
  /** Sets another deadline, unless the call has settled; `Infinity`: none. */
  moveDeadline(deadlineAt: number): void;
}

/** What time a call with streams has: none of its own while it has begun and has a link. */
export class StreamTime {
  readonly #options: ResolvedClientOptions;
  readonly #inactivity: Inactivity;
  #call: StreamedCall | undefined;
  /** The whole call has a deadline of its own. */
  #isBounded = false;
  /** It has no deadline now, for it has begun and has a link. */
  #isLoose = false;
  #hasBegun = false;

  /**
   * @param isWaiting the call waits for the far side
   * @param onInactive called when it has done so for too long
   */
  constructor(
    options: ResolvedClientOptions,
    isWaiting: () => boolean,
    onInactive: (limitMs: number) => void,
  ) {
    const { clock } = options;
    this.#options = options;
    this.#inactivity = new Inactivity(clock, wheelOf(clock), isWaiting, onInactive);
  }

  /** What holds of the verb may be known only by now, or have changed. */
  follow(call: StreamedCall): void {
    this.#call = call;
    const { given, verb, madeAt } = call;
    const { timeoutMs, inactivityTimeoutMs } = verb.row.settings;
    const wholeMs = given?.timeoutMs ?? timeoutMs;
    const mostMs = Math.min(wholeMs ?? given?.mostMs ?? 0, given?.mostMs ?? wholeMs ?? 0);
    if (mostMs > 0) {
      this.#isBounded = true;
      const deadlineAt = madeAt + mostMs;
      if (deadlineAt !== call.deadlineAt) call.moveDeadline(deadlineAt);
    }
    const limitMs = given?.inactivityTimeoutMs ?? inactivityTimeoutMs;
    if (limitMs !== undefined) this.#inactivity.limit(limitMs);
  }

  /** What is left of its deadline, as the server is told. */
  remainingMs(now: number): number {
    const deadlineAt = this.#isBounded ? this.#call?.deadlineAt : undefined;
    return deadlineAt === undefined ? Number.POSITIVE_INFINITY : deadlineAt - now;
  }

  /** That its deadline has passed, in words; undefined when that was the whole call's. */
  get lateness(): string | undefined {
    if (this.#isBounded) return undefined;
    const { timeoutMs } = this.#options;
    if (this.#isLoose) return `no answer came within ${timeoutMs} ms behind its last item`;
    return this.#hasBegun
      ? `it had no connection to its server for ${timeoutMs} ms`
      : `it had not begun within ${timeoutMs} ms`;
  }

  /** The far side has done something, or the wait for it begins. */
  touch(): void {
    this.#inactivity.touch();
  }

  /** It has begun and has a link: unless it is bounded as a whole, it may take as long as it likes. */
  begun(): void {
    if (this.#isBounded || this.#isLoose) return;
    this.#isLoose = true;
    this.#hasBegun = true;
    this.#call?.moveDeadline(Number.POSITIVE_INFINITY);
  }

  /** It has a link to the server that has it. */
  resumed(): void {
    if (this.#hasBegun) this.begun();
  }

  /** It has no link. */
  left(): void {
    if (!this.#isLoose) return;
    this.#isLoose = false;
    this.bound();
  }

  /** From now on it has the time of any call. */
  bound(): void {
    if (this.#isBounded) return;
    const { clock, timeoutMs } = this.#options;
    this.#call?.moveDeadline(clock.now() + timeoutMs);
  }

  /** The call has settled. */
  stop(): void {
    this.#isLoose = false;
    this.#inactivity.stop();
  }
}
