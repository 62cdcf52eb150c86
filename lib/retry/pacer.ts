/** Of the rate at which the server complained so much is left (RFC 9438, section 4.6). */
const beta = 0.7;

/** How fast the rate comes back (RFC 9438, section 5.1). */
const cubicC = 0.4;

/** Calls a second that are sent at any rate: without them it would never be known that it got better. */
const leastRate = 0.5;

/** The rate is measured in slots of this length. */
const slotMs = 500;

/** How much of the last slot is in the measured rate; the rest is from those before. */
const smoothing = 0.8;

/** What was not sent may be made up for, up to so many seconds' worth. */
const burstSeconds = 0.1;

/**
 * Slows a client down when its server says that it has too much to do: a token bucket in front of
 * all that is sent, whose rate follows CUBIC, as in the adaptive mode of the AWS SDKs. An overload
 * reply lowers the rate to 0.7 of what was sent; answers raise it, first quickly, then slowly round
 * the rate at which the server complained, then quickly again. Unlike there, replies to calls that
 * were on their way when the rate was lowered do not lower it again, for they tell nothing new; and
 * it goes off again once twice the old rate would be allowed and nothing waits.
 *
 * Pure: no timer, no queue. Off until {@link onOverload}; while it is off, each call that is sent
 * costs it one comparison and one addition.
 */
export class Pacer {
  #isOn = false;
  /** Calls a second. */
  #rate = 0;
  #tokens = 0;
  #filledAt = 0;
  /** CUBIC: the rate at which the server complained last, when, and how long back to it. */
  #peak = 0;
  #loweredAt = 0;
  #plateauS = 0;
  /** The measured rate up to the present slot, and what was sent in that. */
  #measured = 0;
  #sent = 0;
  #slotFrom = Number.NEGATIVE_INFINITY;
  #slotTo = Number.NEGATIVE_INFINITY;

  /** True while calls must wait for their turn. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** Calls a second that may be sent; infinite while off. */
  get rate(): number {
    return this.#isOn ? this.#rate : Number.POSITIVE_INFINITY;
  }

  /** A call was sent. */
  onSent(now: number): void {
    if (now >= this.#slotTo) this.#measure(now);
    this.#sent++;
    if (this.#isOn) this.#tokens--;
  }

  /**
   * The server has refused a call because it has too much to do. True when calls must wait longer
   * now.
   *
   * @param sentAt when that call was sent
   */
  onOverload(now: number, sentAt: number): boolean {
    if (this.#isOn && sentAt <= this.#loweredAt) return false;
    const measured = this.#measuredRate(now);
    this.#peak = Math.max(leastRate, this.#isOn ? Math.min(measured, this.#rate) : measured);
    this.#plateauS = Math.cbrt((this.#peak * (1 - beta)) / cubicC);
    this.#loweredAt = now;
    if (this.#isOn) {
      this.#fill(now);
    } else {
      this.#isOn = true;
      this.#tokens = 0;
      this.#filledAt = now;
    }
    this.#setRate(this.#peak * beta);
    return true;
  }

  /**
   * The server has answered a call. Called only while {@link isOn}.
   *
   * @param waiting how many calls wait
   */
  onAnswer(now: number, waiting: number): void {
    const sinceS = (now - this.#loweredAt) / 1_000;
    const cubic = cubicC * (sinceS - this.#plateauS) ** 3 + this.#peak;
    if (cubic >= 2 * this.#peak && waiting === 0) {
      this.#isOn = false;
      return;
    }
    this.#fill(now);
    // What was never tried is not known to be good.
    this.#setRate(Math.min(cubic, Math.max(this.#rate, 2 * this.#measuredRate(now))));
  }

  /** How long until the `place`-th of the calls that wait has its turn; 0: now. */
  waitMs(now: number, place: number): number {
    if (!this.#isOn) return 0;
    this.#fill(now);
    const missing = place - this.#tokens;
    return missing <= almostNothing ? 0 : (missing / this.#rate) * 1_000;
  }

  #setRate(rate: number): void {
    this.#rate = Math.max(leastRate, rate);
    this.#tokens = Math.min(this.#tokens, this.#capacity);
  }

  get #capacity(): number {
    return Math.max(1, this.#rate * burstSeconds);
  }

  #fill(now: number): void {
    const sinceMs = Math.max(0, now - this.#filledAt);
    this.#filledAt = now;
    this.#tokens = Math.min(this.#capacity, this.#tokens + (sinceMs / 1_000) * this.#rate);
  }

  /** Calls a second, lately; of a slot that has just begun more is not known than what was sent. */
  #measuredRate(now: number): number {
    if (now >= this.#slotTo) this.#measure(now);
    return Math.max(this.#measured, this.#sent / (slotMs / 1_000));
  }

  #measure(now: number): void {
    const passedMs = now - this.#slotFrom;
    if (passedMs < Number.POSITIVE_INFINITY) {
      const rate = this.#sent / (passedMs / 1_000);
      this.#measured = smoothing * rate + (1 - smoothing) * this.#measured;
    }
    this.#sent = 0;
    this.#slotFrom = now;
    this.#slotTo = now + slotMs;
  }
}

/** A part of a call that is missing by rounding alone. */
const almostNothing = 1e-9;
