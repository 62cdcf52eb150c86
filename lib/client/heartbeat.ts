import { PingWatch } from '../link/ping-watch.ts';
import { Alarm, wheelOf } from '../retry/timer-wheel.ts';
import type { Clock } from '../util/clock.ts';
import type { StallWatch, WatchedLink } from './stall-watch.ts';

/** While calls wait on a link: asks for a sign of life, and says when none comes. */
export class Heartbeat {
  readonly pings: PingWatch;
  readonly alarm: Alarm;
  readonly #link: WatchedLink;
  readonly #stall: StallWatch | undefined;
  readonly #heartbeatMs: number;
  readonly #timeoutMs: number;
  /** It, or a verification, awaits the answer to a ping. */
  #isPinged = false;

  /**
   * @param onAlarm calls {@link beat}
   * @param stall notices earlier that the path is bad, if that is of use
   */
  constructor(
    link: WatchedLink,
    onAlarm: () => void,
    stall: StallWatch | undefined,
    options: {
      readonly clock: Clock;
      readonly heartbeatMs: number;
      readonly heartbeatTimeoutMs: number;
    },
  ) {
    this.#link = link;
    this.alarm = new Alarm(wheelOf(options.clock), onAlarm);
    this.pings = new PingWatch(link.outbox);
    this.#stall = stall;
    this.#heartbeatMs = options.heartbeatMs;
    this.#timeoutMs = options.heartbeatTimeoutMs;
  }

  /** Calls wait. */
  watch(now: number): void {
    this.#stall?.waits(now);
    if (!this.alarm.isSet) this.alarm.set(now + this.#heartbeatMs);
  }

  ping(now: number): void {
    this.#link.askForLife();
    this.#isPinged = true;
    this.alarm.set(now + this.#timeoutMs);
  }

  /** The answer to a ping has come. */
  ponged(now: number): void {
    this.pings.end();
    this.#isPinged = false;
    this.#stall?.ponged(now);
  }

  stop(): void {
    this.alarm.clear();
    this.#stall?.stop();
  }

  /** Gives how long the link has been silent when that is too long. */
  beat(now: number): number | undefined {
    const silentMs = now - this.#link.heardAt;
    if (!this.#isPinged || silentMs < this.#timeoutMs) {
      if (silentMs >= this.#heartbeatMs) this.ping(now);
      else this.alarm.set(this.#link.heardAt + this.#heartbeatMs);
    } else if (this.pings.hasProgress()) {
      this.alarm.set(now + this.#timeoutMs);
    } else {
      return silentMs;
    }
    return undefined;
  }
}
