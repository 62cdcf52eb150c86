import type { Outbox } from '../link/outbox.ts';
import type { Medium } from '../media/medium.ts';
import { Alarm, wheelOf } from '../retry/timer-wheel.ts';
import type { Clock } from '../util/clock.ts';
import type { Patience } from './patience.ts';

/** Bytes a millisecond that a path carries at the least: what was written may still be on its way. */
const leastSpeed = 64;

/** A link, as far as it is watched. */
export interface WatchedLink {
  readonly medium: Medium;
  /** Calls that wait for their answer there. */
  readonly inFlight: number;
  /** When something came last. */
  readonly heardAt: number;
  readonly outbox: Outbox;
  /** Asks for a sign of life, unless an answer is awaited already. */
  askForLife(): void;
}

/** Who is told. */
export interface StallListener<Link> {
  /** A link has room again, or stalls: see to it soon. */
  schedule(): void;
  /** A sign of life came after all. */
  onRevived(link: Link): void;
}

/**
 * Notices that a link stalls: calls wait and not even a ping is answered. It is idle while no call
 * waits, and costs one entry on the timer wheel while calls do.
 */
export class StallWatch<Link extends WatchedLink = WatchedLink> {
  isStalled = false;
  /** Hello was said on a fresh link: the server may have ended this one, and nothing is sent on it. */
  isSuspended = false;
  readonly #link: Link;
  readonly #listener: StallListener<Link>;
  readonly #patience: Patience;
  readonly #clock: Clock;
  readonly #mostQuietMs: number;
  readonly #alarm: Alarm;
  /** The silence that is borne before the next ping; it grows while only pings are answered. */
  #quietMs: number;
  /** Since when there is something to wait for; 0 when something was heard since. */
  #waitsSince = 0;
  /** When the ping went out whose answer is awaited; 0 if none is. */
  #askedAt = 0;
  #writtenBytes = 0;
  #isStopped = false;

  /** @param mostQuietMs the longest silence without a ping */
  constructor(
    link: Link,
    listener: StallListener<Link>,
    patience: Patience,
    clock: Clock,
    mostQuietMs: number,
  ) {
    this.#link = link;
    this.#listener = listener;
    this.#patience = patience;
    this.#clock = clock;
    this.#mostQuietMs = mostQuietMs;
    this.#quietMs = patience.quietMs;
    this.#alarm = new Alarm(wheelOf(clock), () => this.#onAlarm());
  }

  /** Another link is dialled beside it, to the same server. */
  get hasRival(): boolean {
    return this.isStalled || this.isSuspended;
  }

  /** Hello may be said on a fresh link. False while a link that stalls may still come round. */
  makeWay(): boolean {
    const now = this.#clock.now();
    const since = Math.max(this.#link.heardAt, this.#waitsSince);
    if (this.isStalled && now - since < this.#patience.leaveMs(now)) return false;
    this.isSuspended ||= this.isStalled;
    return true;
  }

  /** No other link can be had. */
  goOn(): void {
    this.isSuspended = false;
  }

  /** Calls were sent, or their answers are awaited. */
  waits(now: number): void {
    if (this.#waitsSince === 0) {
      this.#waitsSince = now;
      this.#writtenBytes = this.#link.outbox.writtenBytes;
    }
    if (this.#alarm.isSet || this.isStalled) return;
    // Where packets are lost lately the ping goes out together with the calls.
    if (this.#patience.isLossy(now)) this.#ask(now);
    else this.#alarm.set(now + this.#quietMs);
  }

  /** Something came. */
  heard(): void {
    this.#waitsSince = 0;
    if (this.isStalled && !this.#isStopped) this.#revive();
  }

  #revive(): void {
    this.isStalled = false;
    this.#listener.onRevived(this.#link);
    if (this.#link.inFlight > 0) this.waits(this.#clock.now());
  }

  /** A call was answered: others may take as long. */
  answered(): void {
    this.#quietMs = this.#patience.quietMs;
  }

  /** The answer to a ping came. */
  ponged(now: number): void {
    if (this.#askedAt === 0) return;
    this.#patience.ponged(now - this.#askedAt);
    this.#askedAt = 0;
  }

  /** Nothing is waited for any more. */
  stop(): void {
    this.#isStopped = true;
    this.#alarm.clear();
  }

  #onAlarm(): void {
    const link = this.#link;
    if (link.inFlight === 0) return;
    const now = this.#clock.now();
    const since = Math.max(link.heardAt, this.#waitsSince, this.#askedAt);
    const waitMs = this.#askedAt === 0 ? this.#quietMs : this.#pongMs(now);
    if (now - since < waitMs) {
      this.#alarm.set(since + waitMs);
    } else if (this.#askedAt === 0) {
      this.#quietMs = Math.min(2 * this.#quietMs, this.#mostQuietMs);
      this.#ask(now);
    } else {
      this.isStalled = true;
      this.#listener.schedule();
    }
  }

  #ask(now: number): void {
    if (this.#askedAt === 0) {
      this.#link.askForLife();
      this.#askedAt = now;
    }
    this.#alarm.set(now + this.#pongMs(now));
  }

  /** What was written since something came last may be in front of the ping. */
  #pongMs(now: number): number {
    const bytes = this.#link.outbox.writtenBytes - this.#writtenBytes;
    return this.#patience.pongMs(now) + Math.max(0, bytes) / leastSpeed;
  }
}
