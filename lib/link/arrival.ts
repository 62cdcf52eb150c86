/** Where bytes become messages. */
export interface Messages {
  /** True when no message has begun. */
  readonly atBoundary: boolean;
  receive(chunk: Buffer): void;
}

/**
 * What comes in. Where it takes long to, the far side must be told that it does: what that asks for a
 * sign of life lies behind what it sends, and all it would see is silence, although all is well.
 * Pure: it is told the time.
 */
export class Arrival {
  readonly #messages: Messages;
  readonly #everyMs: number;
  readonly #showLife: () => void;
  /** Since when the message at hand comes, and the far side may have heard nothing. */
  #since = 0;

  /**
   * @param everyMs how long the far side may hear nothing while a message comes
   * @param showLife has it hear something
   */
  constructor(messages: Messages, everyMs: number, showLife: () => void) {
    this.#messages = messages;
    this.#everyMs = everyMs;
    this.#showLife = showLife;
  }

  /** The far side hears something. */
  answered(now: number): void {
    this.#since = now;
  }

  /** Takes bytes; throws as those do who look at them. */
  receive(chunk: Buffer, now: number): void {
    if (this.#messages.atBoundary) this.#since = now;
    this.#messages.receive(chunk);
    if (now - this.#since < this.#everyMs || this.#messages.atBoundary) return;
    this.#since = now;
    this.#showLife();
  }
}
