import { HoldfastError, isHoldfastError, messageOf } from '../errors.ts';
import type { Channel, Medium } from '../media/medium.ts';
import { backoffMs, hintedMs } from '../retry/backoff.ts';
import { Alarm, wheelOf } from '../retry/timer-wheel.ts';
import { ClientLink } from './client-link.ts';
import { DialRace, type DialRaceOwner } from './dial-race.ts';
import type { Endpoints } from './endpoints.ts';
import type { LinkContext } from './link-owner.ts';
import { type ResolvedClientOptions, reconnectBounds } from './options.ts';
import { type Room, roomFor } from './patience.ts';

/** Who is told how a try ended. */
export interface DiallerOwner {
  /**
   * Whether hello may be said on a fresh link now: it ends the link that the client has. True means
   * that it is.
   */
  mayGreet(): boolean;
  onDialled(link: ClientLink): void;
  onDialFailed(error: Error): void;
  /** A link has ended whose hello was not answered in time. */
  onUnansweredEnded(): void;
}

/**
 * Makes one link at a time: name look-up, connect and handshake, all under one timer. A link is
 * made only when the server has said hello.
 */
export class Dialler implements DialRaceOwner {
  readonly #endpoints: Endpoints;
  readonly #context: LinkContext<ClientLink>;
  readonly #owner: DiallerOwner;
  readonly #alarm: Alarm;
  #linkCount = 0;
  #medium: Medium | undefined;
  #race: DialRace | undefined;
  #credentials: unknown;
  #greetedAt = 0;
  #opening: ClientLink | undefined;
  /** Links whose hello was not answered in time, until they end. */
  readonly #unanswered = new Set<ClientLink>();
  /** Those, and others that fresh ones took the place of, the oldest first. */
  readonly #left = new Set<ClientLink>();
  readonly #room: Room;
  /** What is in reserve for the next time, while packets are lost. */
  #reserve: DialRace | undefined;

  constructor(endpoints: Endpoints, context: LinkContext<ClientLink>, owner: DiallerOwner) {
    this.#endpoints = endpoints;
    this.#context = context;
    this.#owner = owner;
    this.#room = roomFor(context.options.stall);
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
    return this.#opening !== undefined || this.#unanswered.size > 0;
  }

  /** Starts a try at one of the addresses, or at the one that is given. */
  start(to?: Medium): void {
    const { options, patiences } = this.#context;
    const { clock, dialTimeoutMs } = options;
    const medium = to ?? this.#endpoints.choose(clock.now());
    const patience = patiences?.of(medium);
    const terms = { medium, clock, patience, width: this.#room.fresh };
    const race = this.#takeReserve(medium) ?? new DialRace(this, terms);
    this.#medium = medium;
    this.#race = race;
    this.#alarm.set(clock.now() + dialTimeoutMs);
    this.#begin(race).catch((error: unknown) => {
      if (race === this.#race) this.onFailed(error);
    });
  }

  /** The hello came. False when the link is none of this dialler's. */
  finish(link: ClientLink): boolean {
    if (link !== this.#opening) return false;
    const { patiences, options } = this.#context;
    const now = options.clock.now();
    const patience = patiences?.of(link.medium);
    patience?.greeted(now - this.#greetedAt);
    this.#opening = undefined;
    this.standDown();
    this.#owner.onDialled(link);
    return true;
  }

  /** A fresh link takes the place of this one; it may still bring answers, for a while. */
  leave(link: ClientLink): void {
    const { left } = this.#room;
    this.#forgive(link);
    this.#left.add(link);
    link.supersede();
    for (const older of this.#left) {
      if (this.#left.size <= left) break;
      this.#left.delete(older);
      older.destroy(undefined);
    }
  }

  /** This link, which was silent, gives way to a fresh one, whose hello was answered. */
  giveWay(link: ClientLink, fresh: ClientLink): void {
    const { patiences, options } = this.#context;
    const tookMs = options.clock.now() - this.#greetedAt;
    const isOutrun = patiences?.of(link.medium)?.isOutrun(tookMs) === true;
    if (fresh === this.#opening && isOutrun) link.isForgiven = true;
    this.leave(link);
  }

  /** Where it is the path that costs the calls on a link, and not the server, that need not be spared. */
  #forgive(link: ClientLink): void {
    const { patiences, options } = this.#context;
    link.isForgiven ||= patiences?.of(link.medium)?.isLossy(options.clock.now()) === true;
  }

  /** A connection ended before its hello. False when the link is none of this dialler's. */
  lost(link: ClientLink, cause: Error | undefined): boolean {
    this.#left.delete(link);
    if (this.#unanswered.delete(link)) {
      this.#owner.onUnansweredEnded();
      return true;
    }
    if (link !== this.#opening) {
      // A hello on a fresh link has ended it, although that was not answered.
      if (link.stall?.isSuspended) this.#forgive(link);
      return false;
    }
    this.#fail(cause ?? endedEarly(link.label));
    return true;
  }

  /** The try that is under way is not needed any more. */
  standDown(): void {
    const race = this.#race;
    this.onUnanswered();
    this.#alarm.clear();
    this.#race = undefined;
    // Without one, what is in reserve stays there.
    if (race !== undefined) this.#rest(race);
  }

  /** Where packets are lost one channel more may soon be of use. */
  #rest(race: DialRace): void {
    const { patiences, options } = this.#context;
    const patience = this.#medium && patiences?.of(this.#medium);
    this.#reserve = race;
    if (patience?.isLossy(options.clock.now())) race.rest();
    else race.stop(won);
  }

  /** Gives the try up that is under way, if one is. */
  cancel(reason: Error): void {
    this.#alarm.clear();
    this.#race?.stop(reason);
    this.#reserve?.stop(reason);
    this.#race = undefined;
    this.#reserve = undefined;
    this.#opening?.destroy(reason);
    for (const link of this.#left) link.destroy(reason);
  }

  greet(channel: Channel): boolean {
    const medium = this.#medium as Medium;
    if (!this.#owner.mayGreet()) return false;
    const ordinal = ++this.#linkCount;
    this.#greetedAt = this.#context.options.clock.now();
    try {
      this.#opening = new ClientLink(channel, medium, ordinal, this.#credentials, this.#context);
    } catch (error) {
      channel.destroy();
      this.onFailed(error);
    }
    return true;
  }

  onUnanswered(): void {
    const link = this.#opening;
    if (link === undefined) return;
    this.#opening = undefined;
    this.#unanswered.add(link);
    this.leave(link);
  }

  onFailed(error: unknown): void {
    this.#fail(dialError(this.#medium as Medium, error));
  }

  /** A race that is in reserve for this address. */
  #takeReserve(medium: Medium): DialRace | undefined {
    const reserve = this.#reserve;
    this.#reserve = undefined;
    if (reserve === undefined || (medium === this.#medium && reserve.isResting)) return reserve;
    reserve.stop(won);
    return undefined;
  }

  async #begin(race: DialRace): Promise<void> {
    const given = this.#context.options.credentials;
    this.#credentials = typeof given === 'function' ? await given() : given;
    if (race === this.#race) race.start();
  }

  #onTimeout(): void {
    const { dialTimeoutMs } = this.#context.options;
    const opening = this.#opening;
    const message = `No connection to ${this.#medium?.address} within ${dialTimeoutMs} ms`;
    const error = new HoldfastError('ERR_HOLDFAST_DIAL', message);
    this.#race?.stop(error);
    if (opening === undefined) {
      this.#fail(error);
      return;
    }
    const late = `${opening.label} did not say hello within ${dialTimeoutMs} ms of dialling`;
    opening.destroy(new HoldfastError('ERR_HOLDFAST_HANDSHAKE_TIMEOUT', late));
  }

  #fail(error: Error): void {
    const { clock } = this.#context.options;
    if (this.#medium !== undefined) this.#endpoints.failed(this.#medium, clock.now(), error);
    this.#clear();
    this.#owner.onDialFailed(error);
  }

  #clear(): void {
    this.#alarm.clear();
    this.#race?.stop(won);
    this.#race = undefined;
    this.#opening = undefined;
  }
}

const won = new HoldfastError('ERR_HOLDFAST_DIAL', 'Another connection was faster');

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
