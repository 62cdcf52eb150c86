import type { AttemptRecord } from '../errors.ts';
import type { Clock } from '../util/clock.ts';
import { type ClientCallMessage, channels } from './channels.ts';

/** Who is told of each attempt of a call. */
export type AttemptListener = (attempt: AttemptRecord) => void;

/** Follows one call for those who want to hear of it; most calls have none. */
export class CallWatch {
  /** What became of each attempt, oldest first. */
  readonly attempts: AttemptRecord[] = [];
  readonly #message: ClientCallMessage;
  readonly #listener: AttemptListener;
  readonly #clock: Clock;
  readonly #startedAt: number;

  /** @param listener must not throw */
  constructor(client: object, verb: string, clock: Clock, listener: AttemptListener) {
    this.#message = { client, verb, attempts: this.attempts };
    this.#listener = listener;
    this.#clock = clock;
    this.#startedAt = clock.now();
    channels.clientCallStart.publish(this.#message);
  }

  attempted(attempt: AttemptRecord): void {
    this.attempts.push(attempt);
    this.#listener(attempt);
    if (!channels.clientAttempt.hasSubscribers) return;
    const { client, verb } = this.#message;
    channels.clientAttempt.publish({ client, verb, call: this.#message, attempt });
  }

  /** Tells of the call's end; gives what the caller gets. */
  async until<Value>(call: Promise<Value>): Promise<Value> {
    try {
      return await call;
    } catch (error) {
      this.#message.error = error;
      channels.clientCallError.publish(this.#message);
      throw error;
    } finally {
      this.#message.durationMs = this.#clock.now() - this.#startedAt;
      channels.clientCallEnd.publish(this.#message);
    }
  }
}
