import { HoldfastError, isHoldfastError, messageOf, type RemoteFailure } from '../errors.ts';
import type { Channel, Medium } from '../media/medium.ts';
import type { Protocol, Refusal } from '../protocols/protocol.ts';
import { backoffMs } from '../retry/backoff.ts';
import { IdleLife } from '../retry/idle-life.ts';
import { Alarm, wheelOf } from '../retry/timer-wheel.ts';
import type { Call } from './call.ts';
import { Calls, type CallsOwner } from './calls.ts';
import { ClientLink, type LinkContext, type LinkOwner } from './client-link.ts';
import type {
  ClientState,
  DrainingEvent,
  ReconnectingEvent,
  ReplayEvent,
  StateEvent,
} from './events.ts';
import { type ResolvedClientOptions, reconnectBounds } from './options.ts';

/** Who hears of what happens. */
export interface LinksListener {
  onState(event: StateEvent): void;
  onReconnecting(event: ReconnectingEvent): void;
  onReplay(event: ReplayEvent): void;
  onDraining(event: DrainingEvent): void;
  /** Everything is closed. */
  onClosed(reason: Error | undefined): void;
}

/**
 * The links of one client: at most one that calls are sent on, one that is being made, and those
 * that drain. It dials when somebody waits, waits longer from failure to failure, and moves on
 * from a link that drains or dies.
 */
export class Links implements LinkOwner, CallsOwner {
  readonly calls: Calls;
  readonly #media: readonly Medium[];
  readonly #options: ResolvedClientOptions;
  readonly #listener: LinksListener;
  readonly #context: LinkContext;
  #state: ClientState = 'idle';
  #link: ClientLink | undefined;
  readonly #others = new Set<ClientLink>();
  #isScheduled = false;
  #isClosing = false;
  #closeReason: Error | undefined;
  /** Links made so far, failed tries since one was useful, and the last failure. */
  #linkCount = 0;
  #tries = 0;
  #lastFailure: Error | undefined;
  #dial: AbortController | undefined;
  #opening: ClientLink | undefined;
  readonly #dialAlarm: Alarm;
  readonly #backoffAlarm: Alarm;
  #readers: { resolve: () => void; reject: (error: Error) => void }[] = [];
  readonly #run = (): void => this.#onTick();

  constructor(
    media: readonly Medium[],
    options: ResolvedClientOptions,
    protocol: Protocol,
    session: Uint8Array,
    listener: LinksListener,
  ) {
    const wheel = wheelOf(options.clock);
    this.#media = media;
    this.#options = options;
    this.#listener = listener;
    this.#dialAlarm = new Alarm(wheel, () => this.#onDialTimeout());
    this.#backoffAlarm = new Alarm(wheel, () => this.#onBackoffOver());
    this.calls = new Calls(this, options, protocol);
    this.#context = { owner: this, options, protocol, session, idleLife: new IdleLife() };
    if (options.eager) this.schedule();
  }

  get state(): ClientState {
    return this.#state;
  }

  get waiting(): number {
    return this.calls.waiting;
  }

  get lastFailure(): Error | undefined {
    return this.#link === undefined ? this.#lastFailure : undefined;
  }

  /** Resolves as soon as a link is up; rejects when that cannot be, or the time is over. */
  ready(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#link?.isOpen) {
        resolve();
        return;
      }
      const wheel = wheelOf(this.#options.clock);
      const alarm = new Alarm(wheel, () => {
        const why = this.#lastFailure === undefined ? '' : `: ${messageOf(this.#lastFailure)}`;
        const message = `Not ready within ${timeoutMs} ms${why}`;
        reader.reject(
          new HoldfastError('ERR_HOLDFAST_DEADLINE', message, { cause: this.#lastFailure }),
        );
      });
      const settle = (): void => {
        alarm.clear();
        wheel.release();
        this.#readers = this.#readers.filter((other) => other !== reader);
      };
      const reader = {
        resolve: () => {
          settle();
          resolve();
        },
        reject: (error: Error) => {
          settle();
          reject(error);
        },
      };
      this.#readers.push(reader);
      wheel.hold();
      alarm.set(this.#options.clock.now() + timeoutMs);
      this.schedule();
    });
  }

  /** No new calls; ends when the pending ones have settled. */
  close(): void {
    this.#isClosing = true;
    if (this.calls.pending === 0) this.#end(undefined);
  }

  /** Ends now; what is pending fails. */
  destroy(reason: Error | undefined): void {
    if (this.#state === 'closed') return;
    this.#isClosing = true;
    const why =
      reason === undefined
        ? 'the client was destroyed'
        : `the client was destroyed (${messageOf(reason)})`;
    this.#closeReason ??= reason;
    this.calls.failAll('ERR_HOLDFAST_CLOSED', why, reason);
    this.#end(reason);
    this.#opening?.destroy(reason);
    for (const link of this.#others) link.destroy(reason);
  }

  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(this.#run);
  }

  onReplay(event: ReplayEvent): void {
    this.#listener.onReplay(event);
  }

  onAllSettled(): void {
    if (this.#isClosing) this.#end(undefined);
  }

  hasUnsafeWaiting(): boolean {
    return this.calls.hasUnsafeWaiting();
  }

  nextCall(link: ClientLink): Call | undefined {
    return this.calls.nextCall(link);
  }

  onUp(link: ClientLink): void {
    if (link !== this.#opening) return;
    this.#opening = undefined;
    this.#dial = undefined;
    this.#dialAlarm.clear();
    this.#link = link;
    this.#lastFailure = undefined;
    this.#enter('ready', undefined);
    for (const reader of this.#readers) reader.resolve();
    link.pump();
  }

  onReply(link: ClientLink, number: number, value: unknown): void {
    this.#check(number);
    if (this.#tries > 0 && link === this.#link) this.#tries = 0;
    this.calls.attempts.onReply(link, number, value);
  }

  onUndecodable(link: ClientLink, number: number, error: HoldfastError): void {
    this.#check(number);
    this.calls.attempts.onUndecodable(link, number, error);
  }

  onRemoteError(link: ClientLink, number: number, failure: RemoteFailure): void {
    this.#check(number);
    if (link === this.#link) this.#tries = 0;
    this.calls.attempts.onRemoteError(link, number, failure);
  }

  onRefused(link: ClientLink, number: number, refusal: Refusal): void {
    this.#check(number);
    this.calls.attempts.onRefused(link, number, refusal);
  }

  onDraining(link: ClientLink, timeLeftMs: number): void {
    this.#others.add(link);
    if (link === this.#link) this.#leave(undefined);
    this.#listener.onDraining({ link: link.label, timeLeftMs });
    this.#seek();
  }

  onLost(link: ClientLink, cause: Error | undefined): void {
    if (link === this.#opening) {
      this.#opening = undefined;
      this.#dialFailed(cause ?? endedEarly(link.label));
      return;
    }
    this.#others.delete(link);
    if (link === this.#link) {
      if (!link.isUseful) this.#tries++;
      this.#lastFailure = cause;
      this.#leave(cause);
    }
    this.calls.attempts.onLost(link, cause);
    if (this.#state === 'closed') this.#finish();
    else this.#seek();
  }

  /** A reply that no call asked for means that the stream is out of step: the link must go. */
  #check(number: number): void {
    if (this.calls.mayBeAnswered(number)) return;
    throw new HoldfastError(
      'ERR_HOLDFAST_PROTOCOL',
      `Server answers call ${number}, which was never sent`,
    );
  }

  #onTick(): void {
    this.#isScheduled = false;
    if (this.#link !== undefined) this.#link.pump();
    else this.#seek();
  }

  /** There is no link to send on any more. */
  #leave(cause: Error | undefined): void {
    this.#link = undefined;
    if (this.#state === 'ready') this.#enter('idle', cause);
  }

  /** Sees to a link if somebody needs one. */
  #seek(): void {
    if (this.#state !== 'idle' || this.#link !== undefined) return;
    if (!this.#isNeeded()) return;
    const delayMs = backoffMs(this.#tries, reconnectBounds(this.#options), this.#options.random);
    if (this.#tries > 0 || this.#linkCount > 0) {
      this.#listener.onReconnecting({ attempt: this.#tries, delayMs, cause: this.#lastFailure });
    }
    if (delayMs === 0) {
      this.#startDial();
      return;
    }
    this.#enter('waiting', this.#lastFailure);
    this.#backoffAlarm.set(this.#options.clock.now() + delayMs);
  }

  #isNeeded(): boolean {
    return this.calls.waiting > 0 || this.#readers.length > 0 || this.#options.eager;
  }

  #onBackoffOver(): void {
    if (this.#isNeeded()) this.#startDial();
    else this.#enter('idle', this.#lastFailure);
  }

  #startDial(): void {
    const medium = this.#media[this.#tries % this.#media.length] as Medium;
    const dial = new AbortController();
    this.#dial = dial;
    this.#enter('connecting', undefined);
    this.#dialAlarm.set(this.#options.clock.now() + this.#options.dialTimeoutMs);
    medium.dial(dial.signal).then(
      (channel) => this.#onChannel(dial, medium, channel),
      (error: Error) => {
        if (dial === this.#dial) this.#dialFailed(dialError(medium, error));
      },
    );
  }

  #onChannel(dial: AbortController, medium: Medium, channel: Channel): void {
    if (dial !== this.#dial) {
      channel.destroy();
      return;
    }
    this.#linkCount++;
    this.#opening = new ClientLink(channel, `${medium.address}#${this.#linkCount}`, this.#context);
  }

  #onDialTimeout(): void {
    const { dialTimeoutMs } = this.#options;
    const opening = this.#opening;
    if (opening === undefined) {
      const address = (this.#media[this.#tries % this.#media.length] as Medium).address;
      const error = new HoldfastError(
        'ERR_HOLDFAST_DIAL',
        `No connection to ${address} within ${dialTimeoutMs} ms`,
      );
      this.#dial?.abort(error);
      this.#dialFailed(error);
    } else {
      const message = `${opening.label} did not say hello within ${dialTimeoutMs} ms of dialling`;
      opening.destroy(new HoldfastError('ERR_HOLDFAST_HANDSHAKE_TIMEOUT', message));
    }
  }

  #dialFailed(error: Error): void {
    this.#dial = undefined;
    this.#dialAlarm.clear();
    if (this.#state === 'closed') {
      this.#finish();
      return;
    }
    this.#tries++;
    this.#lastFailure = error;
    this.#enter('idle', error);
    if (isHoldfastError(error) && error.final) {
      for (const reader of this.#readers) reader.reject(error);
      this.calls.failAll(error.code, error.message, error, (call) => call.link === undefined);
      if (this.#options.eager) return;
    }
    this.#seek();
  }

  #end(reason: Error | undefined): void {
    if (this.#state === 'closed') return;
    const link = this.#link;
    this.#enter('closed', reason);
    this.#backoffAlarm.clear();
    const closed = new HoldfastError('ERR_HOLDFAST_CLOSED', 'The client is closed', {
      cause: reason,
      final: true,
    });
    for (const reader of this.#readers) reader.reject(closed);
    this.#dial?.abort(closed);
    if (this.#opening === undefined) {
      this.#dial = undefined;
      this.#dialAlarm.clear();
    } else {
      this.#opening.destroy(reason);
    }
    if (link !== undefined) {
      this.#link = undefined;
      this.#others.add(link);
    }
    for (const other of this.#others) other.close();
    this.#finish();
  }

  #finish(): void {
    if (this.#opening !== undefined || this.#others.size > 0) return;
    this.#listener.onClosed(this.#closeReason);
  }

  #enter(next: ClientState, reason: Error | undefined): void {
    const previous = this.#state;
    if (previous === next || previous === 'closed') return;
    this.#state = next;
    this.#listener.onState({ next, previous, reason });
  }
}

function endedEarly(label: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_DIAL',
    `${label} ended the connection before it said hello`,
  );
}

/** A medium's own error, with the address; an error of ours is left as it is. */
function dialError(medium: Medium, error: Error): Error {
  if (isHoldfastError(error)) return error;
  const message = `Cannot connect to ${medium.address}: ${messageOf(error)}`;
  return new HoldfastError('ERR_HOLDFAST_DIAL', message, { cause: error });
}
