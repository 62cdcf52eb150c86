import { HoldfastError } from '../errors.ts';
import type { Channel, Medium } from '../media/medium.ts';
import { SpareChannel } from '../media/spare-channel.ts';
import { Alarm, wheelOf } from '../retry/timer-wheel.ts';
import type { Clock } from '../util/clock.ts';
import type { Patience } from './patience.ts';

/** Who uses the channels that a race opens. */
export interface DialRaceOwner {
  /**
   * Says hello on a channel. False when it is too early for that: the race asks again after a while.
   */
  greet(channel: Channel): boolean;
  /** The hello that was said last has waited too long for its answer, and can be said elsewhere. */
  onUnanswered(): void;
  /** A dial failed: the address cannot be reached. */
  onFailed(error: unknown): void;
}

/** What a race is run with. */
export interface DialRaceTerms {
  readonly medium: Medium;
  readonly clock: Clock;
  /** Undefined where one dial is enough. */
  readonly patience: Patience | undefined;
  /** Most dials and spare channels at a time. */
  readonly width: number;
}

interface Dial {
  readonly abort: AbortController;
  /** It is given up then, unless it is answered. */
  readonly until: number;
  /** When the far end's system has answered, though its server has not. */
  answeredAt: number | undefined;
}

const never = Number.POSITIVE_INFINITY;

const isNumber = (value: number | undefined): value is number => value !== undefined;

/** For so long after a link is up a channel is kept in reserve for the next. */
const reserveMs = 2_000;

const unused = new HoldfastError('ERR_HOLDFAST_DIAL', 'No other connection is needed');

/** How long until a greeting that was too early is tried again. */
const againMs = 50;

/**
 * Dials one address until a hello is answered. Where packets may be lost a dial that is not answered
 * is given up for another one: the next is begun while the one before still has time, as in "Happy
 * Eyeballs" (RFC 8305). Hello is said on one channel at a time, for it ends the client's other links;
 * channels that are open by then are kept for when it is not answered.
 */
export class DialRace {
  readonly #owner: DialRaceOwner;
  readonly #terms: DialRaceTerms;
  readonly #dials = new Set<Dial>();
  readonly #spares = new Set<Channel>();
  readonly #alarm: Alarm;
  #isOver = false;
  #dialledAt = Number.NEGATIVE_INFINITY;
  /** When hello was said last; undefined when that has had its time, or none was. */
  #greetedAt: number | undefined;
  #restsUntil = never;

  constructor(owner: DialRaceOwner, terms: DialRaceTerms) {
    this.#owner = owner;
    this.#terms = terms;
    this.#alarm = new Alarm(wheelOf(terms.clock), () => this.#go());
  }

  /** Begins, or goes on with the reserve; that may have been given up meanwhile. */
  start(): void {
    this.#isOver = false;
    this.#restsUntil = never;
    this.#go();
  }

  /** True from {@link rest} until the reserve is given up. */
  get isResting(): boolean {
    return !this.#isOver && this.#restsUntil !== never;
  }

  /** The hello was answered. For a while one channel is kept in reserve, or still dialled. */
  rest(): void {
    this.#restsUntil = this.#terms.clock.now() + reserveMs;
    this.#greetedAt = undefined;
    this.#go();
  }

  /** Nothing more is dialled, and what is open and not used is closed. */
  stop(reason: Error): void {
    this.#isOver = true;
    this.#alarm.clear();
    for (const { abort } of this.#dials) abort.abort(reason);
    this.#dials.clear();
    for (const spare of this.#spares) spare.destroy();
    this.#spares.clear();
  }

  #go(): void {
    if (this.#isOver) return;
    const { clock, patience } = this.#terms;
    const now = clock.now();
    this.#giveUpDials(now);
    if (now >= this.#restsUntil) {
      this.stop(unused);
      return;
    }
    if (now >= this.#helloEndsAt(now) && this.#spares.size > 0) {
      this.#greetedAt = undefined;
      patience?.helloLost();
      this.#owner.onUnanswered();
    }
    if (this.#isWaiting) this.#reserve(now);
    else this.#next(now);
  }

  /** Sees to a channel in reserve while a hello waits for its answer, or has got it. */
  #reserve(now: number): void {
    const wantedAt = this.#reserveAt(now);
    if (now >= wantedAt) this.#dialOn(now);
    else this.#goAt(Math.min(wantedAt, this.#endsAt(now)));
  }

  /**
   * When that is of use: at once where packets are lost, and when the hello has had its time. Where a
   * first hello is not answered for long, it shows by another connect whether packets are lost.
   */
  #reserveAt(now: number): number {
    const { patience } = this.#terms;
    if (patience === undefined || this.#spares.size > 0) return never;
    if (patience.isLossy(now)) return now;
    if (this.#greetedAt === undefined) return never;
    return Math.min(this.#greetedAt + patience.doubtMs, this.#helloEndsAt(now));
  }

  /** True while a hello waits for its answer, or has got it: hello is not said on another channel. */
  get #isWaiting(): boolean {
    return this.#greetedAt !== undefined || this.isResting;
  }

  /** When that has lasted for long enough. A hello is not given up before there is another channel. */
  #endsAt(now: number): number {
    if (this.#spares.size === 0) return this.#restsUntil;
    return Math.min(this.#helloEndsAt(now), this.#restsUntil);
  }

  #helloEndsAt(now: number): number {
    if (this.#greetedAt === undefined) return never;
    return this.#greetedAt + (this.#terms.patience?.helloMs(now) ?? never);
  }

  #goAt(time: number): void {
    if (time === never) this.#alarm.clear();
    else this.#alarm.set(time);
  }

  /** What was not answered in time is tried anew. */
  #giveUpDials(now: number): void {
    for (const dial of this.#dials) {
      if (now < this.#dialEndsAt(dial, now)) continue;
      if (dial.answeredAt === undefined) this.#terms.patience?.connectLost(now);
      else this.#terms.patience?.helloLost();
      this.#dials.delete(dial);
      dial.abort.abort(new HoldfastError('ERR_HOLDFAST_DIAL', 'Not answered in time'));
    }
  }

  /** Says hello where that can be, or else sees to a channel. */
  #next(now: number): void {
    const [spare] = this.#spares;
    if (spare === undefined) {
      this.#dialOn(now);
    } else if (!this.#greet(spare, now)) {
      this.#goAt(now + againMs);
    }
  }

  #greet(channel: Channel, now: number): boolean {
    if (!this.#owner.greet(channel)) return false;
    // At once: time may have passed, and it must not be taken for another one to say hello on.
    this.#spares.delete(channel);
    this.#greetedAt = now;
    this.#go();
    return true;
  }

  #dialOn(now: number): void {
    const { patience } = this.#terms;
    if (patience === undefined) {
      if (this.#dials.size === 0) this.#dial(now, never);
      return;
    }
    if (now >= this.#nextDialAt(patience, now)) this.#dial(now, now + patience.connectMs(now));
    const ends = [...this.#dials].map((dial) => this.#dialEndsAt(dial, now));
    this.#goAt(Math.min(this.#nextDialAt(patience, now), this.#endsAt(now), ...ends));
  }

  /**
   * When another dial is begun beside those that there are. Where one was answered by the far end's
   * system, its server may be slow: then it is for doubt only, as with a hello.
   */
  #nextDialAt(patience: Patience, now: number): number {
    const { width } = this.#terms;
    if (this.#dials.size >= width) return never;
    const soonest = this.#dialledAt + patience.connectMs(now) / width;
    const answered = [...this.#dials].map(({ answeredAt }) => answeredAt).filter(isNumber);
    const [answeredAt] = answered;
    if (answeredAt === undefined || patience.isLossy(now)) return soonest;
    return answered.length > 1 ? never : Math.max(soonest, answeredAt + patience.doubtMs);
  }

  /** When a dial is given up: one that was answered by the far end's system is like a hello. */
  #dialEndsAt({ until, answeredAt }: Dial, now: number): number {
    if (answeredAt === undefined) return until;
    return answeredAt + (this.#terms.patience?.helloMs(now) ?? never);
  }

  #dial(now: number, until: number): void {
    const dial: Dial = { abort: new AbortController(), until, answeredAt: undefined };
    this.#dialledAt = now;
    this.#dials.add(dial);
    const answered = (): void => this.#onAnswered(dial, now);
    this.#terms.medium.dial(dial.abort.signal, answered).then(
      (channel) => {
        if (this.#dials.delete(dial))
          this.#onOpen(channel, dial.answeredAt === undefined ? now : undefined);
        else channel.destroy();
      },
      (error: unknown) => {
        if (!this.#dials.delete(dial)) return;
        // What was to be a reserve is no failure.
        if (this.isResting) this.stop(unused);
        else if (this.#greetedAt === undefined) this.#owner.onFailed(error);
      },
    );
  }

  /** From now on it is like a hello that waits for its answer. */
  #onAnswered(dial: Dial, dialledAt: number): void {
    const { clock, patience } = this.#terms;
    if (dial.answeredAt !== undefined || !this.#dials.has(dial)) return;
    dial.answeredAt = clock.now();
    patience?.connected(dial.answeredAt - dialledAt);
    this.#go();
  }

  /** @param dialledAt undefined where the connect was answered before */
  #onOpen(channel: Channel, dialledAt: number | undefined): void {
    const { clock, patience } = this.#terms;
    const now = clock.now();
    if (dialledAt !== undefined) patience?.connected(now - dialledAt);
    if (!this.#isWaiting && this.#spares.size === 0 && this.#greet(channel, now)) return;
    const spare: SpareChannel = new SpareChannel(channel, () => {
      if (this.#spares.delete(spare)) this.#go();
    });
    this.#spares.add(spare);
    this.#go();
  }
}
