import { HoldfastError, messageOf, type RemoteFailure } from '../errors.ts';
import type { Medium } from '../media/medium.ts';
import type { Refusal, UnknownFate, Verdict } from '../protocols/protocol.ts';
import { Alarm, wheelOf } from '../retry/timer-wheel.ts';
import type { Call } from './call.ts';
import type { CallStream } from './call-stream.ts';
import { Calls } from './calls.ts';
import type { CallsOwner } from './calls-owner.ts';
import { isFinalDial } from './classify.ts';
import type { ClientLink } from './client-link.ts';
import { Dialler, type DiallerOwner, dialDelayMs } from './dialler.ts';
import { Endpoints } from './endpoints.ts';
import type { ClientState, ReplayEvent } from './events.ts';
import { FurtherLinks } from './further-links.ts';
import type { LinkOwner } from './link-owner.ts';
import type { LinksListener, SharedByLinks } from './links-surroundings.ts';
import type { ResolvedClientOptions } from './options.ts';
import { patiencesFor } from './patiences.ts';
import { Readers } from './readers.ts';
import type { Acknowledging } from './watermark.ts';

/**
 * The links of one client: at most one that calls are sent on (and further ones, where the protocol
 * and `maxLinks` allow them), one that is being made, and those that were left. It dials when
 * somebody waits, waits longer from failure to failure, and moves on from a link that dies, or whose
 * server drains: from that only when there is another.
 */
export class Links implements LinkOwner<ClientLink>, CallsOwner, DiallerOwner {
  readonly calls: Calls;
  readonly #options: ResolvedClientOptions;
  readonly #listener: LinksListener;
  #state: ClientState = 'idle';
  /** How far the next link is. */
  #next: 'none' | 'waiting' | 'connecting' = 'none';
  #isClosed = false;
  #link: ClientLink | undefined;
  readonly #further: FurtherLinks;
  /** Links that were left: their calls are finished there. */
  readonly #others = new Set<ClientLink>();
  #isScheduled = false;
  #isClosing = false;
  #closeReason: Error | undefined;
  /** Failed tries since a link was useful, the last link that was one, and the last failure. */
  #tries = 0;
  #useless: ClientLink | undefined;
  #lastFailure: Error | undefined;
  readonly #endpoints: Endpoints;
  readonly #dialler: Dialler;
  readonly #backoffAlarm: Alarm;
  readonly #readers: Readers;
  readonly #run = (): void => this.#onTick();

  constructor(
    media: readonly Medium[],
    options: ResolvedClientOptions,
    shared: SharedByLinks,
    listener: LinksListener,
  ) {
    this.#options = options;
    this.#listener = listener;
    this.#readers = new Readers(options.clock, () => this.#lastFailure);
    this.#backoffAlarm = new Alarm(wheelOf(options.clock), () => this.#onBackoffOver());
    this.calls = new Calls(this, options, shared.protocol);
    this.#further = new FurtherLinks(shared.protocol, options.maxLinks);
    const context = { ...shared, owner: this, options, patiences: patiencesFor(options, shared) };
    this.#endpoints = new Endpoints(media, options);
    this.#dialler = new Dialler(this.#endpoints, context, this);
    if (options.eager) this.schedule();
  }

  get state(): ClientState {
    return this.#state;
  }

  get waiting(): number {
    return this.calls.waiting;
  }

  get target(): Medium | undefined {
    return this.#link?.medium ?? this.#dialler.target;
  }

  get lastFailure(): Error | undefined {
    return this.#link === undefined ? this.#lastFailure : undefined;
  }

  /** Resolves as soon as a link is up; rejects when that cannot be, or the time is over. */
  async ready(timeoutMs: number): Promise<void> {
    if (this.#link?.isOpen) return;
    const isReady = this.#readers.wait(timeoutMs);
    this.schedule();
    await isReady;
  }

  /** No new calls; ends when the pending ones have settled. */
  close(): void {
    this.#isClosing = true;
    if (this.calls.pending === 0) this.#end(undefined);
  }

  /** Ends now; what is pending fails. */
  destroy(reason: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosing = true;
    const because = reason === undefined ? '' : ` (${messageOf(reason)})`;
    this.#closeReason ??= reason;
    this.calls.failAll('ERR_HOLDFAST_CLOSED', `the client was destroyed${because}`, reason);
    this.#end(reason);
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

  hasUnsafeNext(most: number): boolean {
    return this.calls.hasUnsafeNext(most);
  }

  nextCall(link: ClientLink, now: number): Call | undefined {
    // The next one may need another link.
    if (this.#further.isPossible) this.schedule();
    return this.calls.nextCall(link, now);
  }

  onUp(link: ClientLink, verdicts: readonly Verdict[]): void {
    const older = this.#link === undefined ? this.#others : [...this.#others, this.#link];
    for (const other of older) {
      if (other.server !== link.server || this.#further.isPossible) continue;
      // With sessions the server has fenced every older link; this side may not know yet.
      const why = `${other.label} gave way to ${link.label}`;
      const fenced = new HoldfastError('ERR_HOLDFAST_LOST', why);
      if (other.stall?.isSuspended) this.#dialler.giveWay(other, link);
      else other.destroy(fenced);
      this.calls.attempts.onLost(other, fenced, true);
    }
    this.calls.attempts.onVerdicts(link, verdicts);
    link.abandon(this.calls.abandoned.take());
    this.#dialler.finish(link);
  }

  inDoubt(): readonly number[] {
    return this.calls.doubts.numbers(this.#link?.stall?.isSuspended ? this.#link : undefined);
  }

  get isAlone(): boolean {
    return this.#link === undefined && this.#others.size === 0 && this.calls.doubts.areFew;
  }

  get settled(): Acknowledging {
    return this.calls;
  }

  onDialled(link: ClientLink): void {
    const older = this.#link;
    this.#next = 'none';
    this.#lastFailure = undefined;
    if (older !== undefined && !older.isDraining && !older.stall?.isSuspended) {
      this.#further.add(link);
    } else {
      this.#link = link;
      if (older !== undefined) this.#others.add(older);
      older?.leave();
    }
    this.#listener.onLinkUp(link.label);
    this.#tellState(undefined);
    this.#readers.resolve();
    link.pump();
  }

  onDialFailed(error: Error): void {
    if (this.#isClosed) {
      this.#finish();
      return;
    }
    this.#link?.stall?.goOn();
    this.schedule();
    this.#tries++;
    this.#lastFailure = error;
    this.#next = 'none';
    this.#tellState(error);
    // Final is meant of one address; another may do.
    if (isFinalDial(error) && this.#tries >= this.#endpoints.count) {
      this.#readers.reject(error);
      if (this.#link === undefined) this.calls.failUnreachable(error);
      if (this.#options.eager) return;
    }
    this.#seek();
  }

  streamOn(link: ClientLink, number: number): CallStream | undefined {
    const stream = this.calls.answered(number, link)?.stream;
    if (stream === undefined) return undefined;
    link.isUseful = true;
    if (this.#tries > 0) this.#onUseful(link);
    return stream;
  }

  onUnansweredEnded(): void {
    if (this.#isClosed) this.#finish();
  }

  onReply(link: ClientLink, number: number, value: unknown): void {
    const call = this.calls.answered(number, link);
    if (this.#tries > 0) this.#onUseful(link);
    if (call !== undefined) this.calls.attempts.onReply(link, call, value);
  }

  onUndecodable(link: ClientLink, number: number, error: HoldfastError): void {
    const call = this.calls.answered(number, link);
    if (call !== undefined) this.calls.attempts.onUndecodable(link, call, error);
  }

  onRemoteError(link: ClientLink, number: number, failure: RemoteFailure): void {
    const call = this.calls.answered(number, link);
    if (this.#tries > 0) this.#onUseful(link);
    if (call !== undefined) this.calls.attempts.onRemoteError(link, call, failure);
  }

  onRefused(link: ClientLink, number: number, refusal: Refusal): void {
    const call = this.calls.answered(number, link);
    if (call !== undefined) this.calls.attempts.onRefused(link, call, refusal);
  }

  onUnknown(link: ClientLink, number: number, fate: UnknownFate): void {
    const call = this.calls.answered(number, link);
    if (call !== undefined) this.calls.attempts.onUnknown(link, call, fate);
  }

  onVerdict(link: ClientLink, number: number, verdict: Verdict): void {
    this.calls.attempts.onLaterVerdict(link, number, verdict);
  }

  /** The link is used on, unless hello was said on another: the server may have ended it. */
  onRevived(link: ClientLink): void {
    if (link === this.#link && !link.isDraining && !link.stall?.isSuspended) this.#standDown();
  }

  #standDown(): void {
    this.#next = 'none';
    this.#backoffAlarm.clear();
    this.#dialler.standDown();
  }

  mayGreet(): boolean {
    return this.#link?.stall?.makeWay() ?? true;
  }

  onDraining(link: ClientLink, timeLeftMs: number): void {
    this.#endpoints.failed(link.medium, this.#options.clock.now());
    this.#countTry(link);
    this.#listener.onDraining({ link: link.label, timeLeftMs });
    if (link.inFlight === 0) this.onDrained(link);
    this.#seek();
  }

  onLine(link: ClientLink, accepted: number): void {
    this.#countTry(link);
    this.#leave(link, undefined);
    this.calls.attempts.onLine(link, accepted);
    this.#seek();
  }

  /** With nothing to do there the server need not wait for this client. */
  onDrained(link: ClientLink): void {
    if (link !== this.#link || this.calls.needing > 0) return;
    this.#leave(link, undefined);
    link.leave();
  }

  onLost(link: ClientLink, cause: Error | undefined): void {
    if (this.#dialler.lost(link, cause)) return;
    this.#listener.onLinkDown(link.label, cause);
    if (link === this.#link || this.#further.delete(link)) {
      this.#endpoints.failed(link.medium, this.#options.clock.now(), cause);
      this.#countTry(link);
      this.#lastFailure = cause;
      this.#leave(link, cause);
      // Another address may be better than the one that was dialled beside it.
      if (link.stall?.hasRival && this.#endpoints.count > 1) this.#standDown();
    }
    this.#others.delete(link);
    const canAsk = this.#link === undefined || this.#link.speaksFor(link.server);
    this.calls.attempts.onLost(link, cause, canAsk);
    if (this.#link !== undefined) this.calls.attempts.askOn(this.#link);
    if (this.#isClosed) this.#finish();
    else this.#seek();
  }

  /** A link that has answered nothing, and ends or will, is a failed try. */
  #countTry(link: ClientLink): void {
    if (link !== this.#link || link.isUseful || link === this.#useless) return;
    this.#useless = link;
    this.#tries++;
  }

  /** Back-off starts over, and the address is good again. */
  #onUseful(link: ClientLink): void {
    if (link !== this.#link) return;
    this.#tries = 0;
    this.#endpoints.succeeded(link.medium);
  }

  #onTick(): void {
    this.#isScheduled = false;
    if (this.#link !== undefined) this.#link.pump();
    this.#further.pump();
    this.calls.beginWaiting(this.#backoffAlarm);
    this.#seek();
  }

  /** No call is sent on the link any more, if it is the one that they are sent on. */
  #leave(link: ClientLink, cause: Error | undefined): void {
    if (link !== this.#link) return;
    this.#link = this.#further.take();
    this.#others.add(link);
    this.#tellState(cause);
  }

  /** Sees to a link if somebody needs one; to the next already when the server goes. */
  #seek(): void {
    if (this.#next !== 'none' || this.#isClosed) return;
    const link = this.#link;
    const isFurther = link !== undefined && !link.isDraining && !link.stall?.isStalled;
    if (isFurther && !this.#further.isAnotherNeeded(link, this.calls.waiting)) return;
    if (!this.#isNeeded()) return;
    const { count } = this.#endpoints;
    const delayMs = dialDelayMs(this.#tries, count, this.#lastFailure, this.#options);
    if (this.#tries > 0 || (this.#dialler.linkCount > 0 && link?.isDraining !== false)) {
      this.#listener.onReconnecting({ attempt: this.#tries, delayMs, cause: this.#lastFailure });
    }
    if (delayMs === 0) {
      this.#startDial();
      return;
    }
    this.#next = 'waiting';
    this.schedule();
    this.#tellState(this.#lastFailure);
    this.#backoffAlarm.set(this.#options.clock.now() + delayMs);
  }

  #isNeeded(): boolean {
    if (this.calls.needing > 0 || this.#readers.count > 0 || this.#options.eager) return true;
    return this.#link !== undefined && this.#link.inFlight > 0;
  }

  #onBackoffOver(): void {
    this.#next = 'none';
    if (this.#isNeeded()) this.#startDial();
    else this.#tellState(this.#lastFailure);
  }

  #startDial(): void {
    this.#next = 'connecting';
    this.#tellState(undefined);
    this.#dialler.start(this.#link?.stall?.isStalled ? this.#link.medium : undefined);
  }

  #end(reason: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#tellState(reason);
    this.#backoffAlarm.clear();
    const closed = new HoldfastError('ERR_HOLDFAST_CLOSED', 'The client is closed', {
      cause: reason,
      final: true,
    });
    this.#readers.reject(closed);
    this.#dialler.cancel(reason ?? closed);
    for (let link = this.#link; link !== undefined; link = this.#further.take()) {
      this.#link = undefined;
      this.#others.add(link);
    }
    for (const other of this.#others) other.close();
    this.#finish();
  }

  #finish(): void {
    if (this.#dialler.isOpening || this.#others.size > 0) return;
    this.#listener.onClosed(this.#closeReason);
  }

  /** What the client does is what its links do; tells when that has changed. */
  #tellState(reason: Error | undefined): void {
    const previous = this.#state;
    const next = this.#isClosed ? 'closed' : this.#link !== undefined ? 'ready' : this.#idleState();
    if (previous === next) return;
    this.#state = next;
    this.#listener.onState({ next, previous, reason });
  }

  #idleState(): ClientState {
    return this.#next === 'none' ? 'idle' : this.#next;
  }
}
