import { HoldfastError, isHoldfastError, messageOf } from '../errors.ts';
import type { Medium } from '../media/medium.ts';
import { backoffMs, hintedMs } from '../retry/backoff.ts';
import { Alarm, wheelOf } from '../retry/timer-wheel.ts';
import { ClientLink } from './client-link.ts';
import type { Endpoints } from './endpoints.ts';
import type { LinkContext } from './link-owner.ts';
import { type ResolvedClientOptions, reconnectBounds } from './options.ts';

/** Who is told how a try ended. */
export interface DiallerOwner {
  onDialled(link: ClientLink): void;
  onDialFailed(error: Error): void;
}

/**
 * Makes one link at a time: name look-up, connect and handshake, all under one timer. A link is
 * made only when the server has said hello.
 */
export class Dialler {
  readonly #endpoints: Endpoints;
  readonly #context: LinkContext<ClientLink>;
  readonly #owner: DiallerOwner;
  readonly #alarm: Alarm;
  #linkCount = 0;
  #medium: Medium | undefined;
  #dial: AbortController | undefined;
  #opening: ClientLink | undefined;

  constructor(endpoints: Endpoints, context: LinkContext<ClientLink>, owner: DiallerOwner) {
    this.#endpoints = endpoints;
    this.#context = context;
    this.#owner = owner;
    this.#alarm = new Alarm(wheelOf(context.options.clock), () => this.#onTimeout());
  }

  /** Where the last dial went. */
  get target(): Medium | undefined {
    return this.#medium;
  }

  /** Connections made so far. */
  get linkCount(): number {
    return this.#linkCount;
  }

  /** True while a connection waits for its hello, or for its end. */
  get isOpening(): boolean {
    return this.#opening !== undefined;
  }

  /** Starts a try at one of the addresses. */
  start(): void {
    const { clock, dialTimeoutMs } = this.#context.options;
    const medium = this.#endpoints.choose(clock.now());
    const dial = new AbortController();
    this.#medium = medium;
    this.#dial = dial;
    this.#alarm.set(clock.now() + dialTimeoutMs);
    this.#open(dial, medium).catch((error: unknown) => {
      if (dial === this.#dial) this.#fail(dialError(medium, error));
    });
  }

  /** The hello came. False when the link is none of this dialler's. */
  finish(link: ClientLink): boolean {
    if (link !== this.#opening) return false;
    this.#clear();
    this.#owner.onDialled(link);
    return true;
  }

  /** A connection ended before its hello. False when the link is none of this dialler's. */
  lost(link: ClientLink, cause: Error | undefined): boolean {
    if (link !== this.#opening) return false;
    this.#fail(cause ?? endedEarly(link.label));
    return true;
  }

  /** Gives the try up that is under way, if one is. */
  cancel(reason: Error): void {
    this.#alarm.clear();
    this.#dial?.abort(reason);
    this.#dial = undefined;
    this.#opening?.destroy(reason);
  }

  async #open(dial: AbortController, medium: Medium): Promise<void> {
    const given = this.#context.options.credentials;
    const credentials: unknown = typeof given === 'function' ? await given() : given;
    if (dial !== this.#dial) return;
    const channel = await medium.dial(dial.signal);
    if (dial !== this.#dial) {
      channel.destroy();
      return;
    }
    const ordinal = ++this.#linkCount;
    try {
      this.#opening = new ClientLink(channel, medium, ordinal, credentials, this.#context);
    } catch (error) {
      channel.destroy();
      throw error;
    }
  }

  #onTimeout(): void {
    const { dialTimeoutMs } = this.#context.options;
    const opening = this.#opening;
    if (opening !== undefined) {
      const message = `${opening.label} did not say hello within ${dialTimeoutMs} ms of dialling`;
      opening.destroy(new HoldfastError('ERR_HOLDFAST_HANDSHAKE_TIMEOUT', message));
      return;
    }
    const message = `No connection to ${this.#medium?.address} within ${dialTimeoutMs} ms`;
    const error = new HoldfastError('ERR_HOLDFAST_DIAL', message);
    this.#dial?.abort(error);
    this.#fail(error);
  }

  #fail(error: Error): void {
    const { clock } = this.#context.options;
    if (this.#medium !== undefined) this.#endpoints.failed(this.#medium, clock.now());
    this.#clear();
    this.#owner.onDialFailed(error);
  }

  #clear(): void {
    this.#alarm.clear();
    this.#dial = undefined;
    this.#opening = undefined;
  }
}

/**
 * How long to wait before the next dial.
 *
 * @param tries failed ones
 * @param addresses how many there are: each gets one try before there is a pause
 * @param failure the last one, with what the server may have asked for
 */
export function dialDelayMs(
  tries: number,
  addresses: number,
  failure: Error | undefined,
  options: ResolvedClientOptions,
): number {
  const { maxRetryAfterMs, random } = options;
  const hintMs = isHoldfastError(failure) ? failure.retryAfterMs : undefined;
  const bounds = reconnectBounds(options);
  const rounds = tries - addresses + 1;
  // Who asks to wait is not dialled at once, even if its link was in use.
  const isOther = rounds <= 0 && addresses > 1;
  if (isOther || hintMs === undefined) return backoffMs(rounds, bounds, random);
  const leastMs = Math.min(hintMs, maxRetryAfterMs);
  return hintedMs(Math.max(1, rounds), bounds, leastMs, Number.POSITIVE_INFINITY, random);
}

function endedEarly(label: string): HoldfastError {
  const message = `${label} ended the connection before it said hello`;
  return new HoldfastError('ERR_HOLDFAST_DIAL', message);
}

/** A medium's own error, with the address; an error of ours is left as it is. */
function dialError(medium: Medium, error: unknown): Error {
  if (isHoldfastError(error)) return error;
  const message = `Cannot connect to ${medium.address}: ${messageOf(error)}`;
  return new HoldfastError('ERR_HOLDFAST_DIAL', message, { cause: error });
}
