import { Alarm, type TimerWheel } from '../retry/timer-wheel.ts';
import type { Call } from './call.ts';
import { CallExtras } from './call-extras.ts';
import type { GivenOptions, ResolvedClientOptions } from './options.ts';
import { Terms } from './terms.ts';
import type { VerbUse } from './verb-use.ts';

/**
 * The time that calls and their attempts may take: what the call itself says, or its verb, or the
 * client. What a server's table says of the verb may be known only when the call is sent.
 */
export class Bounds {
  readonly #options: ResolvedClientOptions;
  readonly #wheel: TimerWheel;
  readonly #terms: Terms;
  readonly #onTimeout: (call: Call, attemptTimeoutMs: number) => void;

  /**
   * @param onDue called when there are calls whose deadline has passed
   * @param onTimeout called when an attempt has taken too long
   */
  constructor(
    options: ResolvedClientOptions,
    wheel: TimerWheel,
    onDue: () => void,
    onTimeout: (call: Call, attemptTimeoutMs: number) => void,
  ) {
    this.#options = options;
    this.#wheel = wheel;
    this.#terms = new Terms(wheel, onDue);
    this.#onTimeout = onTimeout;
  }

  /**
   * The call's time begins: of a call for which nothing was said when it is sent, or at the end of
   * the turn in which it was made, so that one look at the clock does for all calls of a turn.
   */
  begin(call: Call, madeAt: number): void {
    this.#terms.begin(call, madeAt, madeAt + this.#timeoutMs(call.verb, call.given));
  }

  /** The call settles, or is not made after all. */
  end(call: Call): void {
    this.#terms.leave(call);
  }

  /** Of a call over all its attempts. */
  #timeoutMs({ row }: VerbUse, given: GivenOptions | undefined): number {
    const timeoutMs = given?.timeoutMs ?? row.settings.timeoutMs ?? this.#options.timeoutMs;
    return given?.mostMs === undefined ? timeoutMs : Math.min(timeoutMs, given.mostMs);
  }

  /** Of one attempt; 0: none. */
  attemptTimeoutMs({ row }: VerbUse, given: GivenOptions | undefined): number {
    const { attemptTimeoutMs } = this.#options;
    return given?.attemptTimeoutMs ?? row.settings.attemptTimeoutMs ?? attemptTimeoutMs;
  }

  /** For a call whose attempts are bounded. */
  alarmFor(call: Call): Alarm {
    return new Alarm(this.#wheel, () => {
      this.#onTimeout(call, call.extras?.attemptTimeoutMs ?? 0);
    });
  }

  /** What holds of the call's verb has changed since the call was made or last sent. */
  follow(call: Call): void {
    const { verb, given, madeAt, stream } = call;
    if (stream !== undefined) {
      stream.follow(call);
      return;
    }
    const deadlineAt = madeAt + this.#timeoutMs(verb, given);
    if (deadlineAt < call.deadlineAt) call.moveDeadline(deadlineAt);
    const attemptTimeoutMs = this.attemptTimeoutMs(verb, given);
    if (attemptTimeoutMs === (call.extras?.attemptTimeoutMs ?? 0)) return;
    call.extras ??= new CallExtras();
    call.extras.attemptTimeoutMs = attemptTimeoutMs;
    if (attemptTimeoutMs > 0) {
      call.extras.attemptAlarm ??= this.alarmFor(call);
    } else {
      // It may still be set for an attempt that was refused.
      call.extras.attemptAlarm?.clear();
      call.extras.attemptAlarm = undefined;
    }
  }
}
