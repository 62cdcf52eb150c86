import { codeOf, type ErrorCode, HoldfastError, isHoldfastError, messageOf } from '../errors.ts';
import type { ArrivedItem, StreamCodec } from '../protocols/protocol.ts';
import { type Due, type TimerWheel, wheelOf } from '../retry/timer-wheel.ts';
import type { ItemSource } from '../streams/item-source.ts';
import { StreamReceiver } from '../streams/stream-receiver.ts';
import type { StreamSender } from '../streams/stream-sender.ts';
import { givesItems } from '../verbs/kinds.ts';
import type { VerbRow } from '../verbs/table.ts';
import type { ResumeFrom } from '../verbs/verb.ts';
import { Inactivity } from './inactivity.ts';
import type { LinkedStream, LinkStreams, Telling } from './link-streams.ts';
import type { GivenOptions, ResolvedClientOptions } from './options.ts';
import { SentItems } from './sent-items.ts';
import type { VerbUse } from './verb-use.ts';

/** A call, as far as its streams use it. */
export interface StreamedCall extends Due {
  readonly number: number;
  readonly isSettled: boolean;
  readonly verb: VerbUse;
  /** What held of the verb when the call was sent last. */
  readonly row: VerbRow;
  readonly given: GivenOptions | undefined;
  readonly madeAt: number;
}

/** Ends a call from this side. */
export type GiveUp = (code: ErrorCode, why: string, cause: unknown) => void;

/** How far the streams of a call have come. */
export interface StreamCounts {
  readonly delivered: number;
  readonly sent: number;
  readonly acknowledged: number;
}

/**
 * The streams of one call, over all its attempts: the items that come, those that go, and what time
 * they have.
 */
export class CallStream implements LinkedStream, Telling {
  readonly receiver: StreamReceiver | undefined;
  /** The last item that the application was given. */
  lastItem: unknown;
  readonly #codec: StreamCodec;
  readonly #options: ResolvedClientOptions;
  readonly #verb: VerbUse;
  readonly #sent: SentItems | undefined;
  readonly #inactivity: Inactivity;
  readonly #wheel: TimerWheel;
  #input: unknown;
  #resumeFrom: ResumeFrom<unknown, unknown> | undefined;
  #call: StreamedCall | undefined;
  #giveUp: GiveUp = () => {};
  /** The streams of the link on which the call is. */
  #link: LinkStreams | undefined;
  /** Items that were delivered before the server's stream was opened again. */
  #deliveredBefore = 0;
  /** How often it was opened again after it had brought something. */
  fruitfulAttempts = 0;
  /** The whole call has a deadline of its own. */
  #isBounded = false;
  /** It has no deadline now, for it has begun and has a link. */
  #isLoose = false;
  #hasBegun = false;
  #cancelled: { readonly reason: unknown } | undefined;

  /** @param source what is sent, for a verb that takes items */
  constructor(
    verb: VerbUse,
    input: unknown,
    source: ItemSource<unknown> | undefined,
    hasItems: boolean,
    codec: StreamCodec,
    options: ResolvedClientOptions,
  ) {
    const { clock, maxFrameBytes, streamWindowBytes: windowBytes } = options;
    this.#codec = codec;
    this.#options = options;
    this.#verb = verb;
    this.#input = input;
    this.#wheel = wheelOf(clock);
    this.#inactivity = new Inactivity(
      clock,
      this.#wheel,
      () => this.#isWaiting,
      (limitMs) => this.#end('ERR_HOLDFAST_INACTIVE', `nothing came for ${limitMs} ms`),
    );
    if (source !== undefined) {
      const limits = { maxFrameBytes, maxBufferedBytes: windowBytes, isRewound: true };
      this.#sent = new SentItems(verb, source, codec, limits, {
        onPushed: () => this.#onPushed(),
        onEnded: () => this.#onSourceEnded(),
        onFailed: (error) => this.#onSourceFailed(error),
      });
    }
    if (!hasItems) return;
    this.receiver = new StreamReceiver({
      codec,
      windowBytes,
      maxFrameBytes,
      onDue: () => this.#onDue(),
      onReturn: () => this.cancel('its items are not wanted any more', undefined),
      onBroken: ({ code, message }) => this.#end(code, message),
    });
  }

  /**
   * How far it has come when it fails with this code. What has arrived will have been delivered when
   * the error is, unless the application wants no more.
   */
  countsAt(code: ErrorCode): StreamCounts {
    const { receiver } = this;
    const isDropped = code === 'ERR_HOLDFAST_ABORTED';
    const arrived = isDropped ? receiver?.delivered : receiver?.received;
    return {
      delivered: this.#deliveredBefore + (arrived ?? 0),
      sent: this.#sender?.pushed ?? 0,
      acknowledged: this.#sender?.acknowledged ?? 0,
    };
  }

  get #sender(): StreamSender | undefined {
    return this.#sent?.sender;
  }

  /** The application has seen a part of the reply, and cannot be given the rest by another one. */
  get isReplySeen(): boolean {
    const delivered = this.#deliveredBefore + (this.receiver?.delivered ?? 0);
    return delivered > 0 && this.#resumeFrom === undefined;
  }

  /** What was taken from the source cannot be had again. */
  get isInputConsumed(): boolean {
    return this.#sent?.isConsumed === true;
  }

  /** The code of an error: with the connection a part of what was to be whole may have gone. */
  codeOf(code: ErrorCode): ErrorCode {
    if (code !== 'ERR_HOLDFAST_LOST') return code;
    const { delivered, sent } = this.countsAt(code);
    return delivered > 0 || sent > 0 ? 'ERR_HOLDFAST_PARTIAL' : code;
  }

  /** What is left of its deadline, as the server is told. */
  remainingMs({ dueAt }: StreamedCall, now: number): number {
    return this.#isBounded ? dueAt - now : Number.POSITIVE_INFINITY;
  }

  /** That its deadline has passed, in words; undefined when that was the whole call's. */
  get lateness(): string | undefined {
    if (this.#isBounded) return undefined;
    const { timeoutMs } = this.#options;
    if (this.#isLoose) return `no answer came within ${timeoutMs} ms behind its last item`;
    return this.#hasBegun
      ? `it had no connection to its server for ${timeoutMs} ms`
      : `it had not begun within ${timeoutMs} ms`;
  }

  /** True when a server that takes no larger messages can take what has to be sent again. */
  fits(maxFrameBytes: number): boolean {
    return this.#sender === undefined || this.#sender.fits(maxFrameBytes);
  }

  /** The call is made. */
  start(call: StreamedCall, giveUp: GiveUp): void {
    this.#call = call;
    this.#giveUp = giveUp;
    const { given } = call;
    this.#resumeFrom = (given?.resumeFrom ?? this.#verb.resumeFrom) as
      | ResumeFrom<unknown, unknown>
      | undefined;
    this.follow(call);
    if (this.#cancelled !== undefined) this.#end('ERR_HOLDFAST_ABORTED', 'it was cancelled');
  }

  /** What holds of the verb may be known only by now, or have changed. */
  follow(call: StreamedCall): void {
    const { given, verb, madeAt } = call;
    const { timeoutMs, inactivityTimeoutMs } = verb.row.settings;
    const wholeMs = given?.timeoutMs ?? timeoutMs;
    const mostMs = Math.min(wholeMs ?? given?.mostMs ?? 0, given?.mostMs ?? wholeMs ?? 0);
    if (mostMs > 0) {
      this.#isBounded = true;
      const deadlineAt = madeAt + mostMs;
      if (deadlineAt !== call.dueAt) this.#wheel.add(call, deadlineAt);
    }
    const limitMs = given?.inactivityTimeoutMs ?? inactivityTimeoutMs;
    if (limitMs !== undefined) this.#inactivity.limit(limitMs);
  }

  /**
   * The input by which the call is sent again, if it is not the same: behind what was delivered.
   *
   * @throws what `resumeFrom` throws
   */
  goOn(): { readonly input: unknown } | undefined {
    const { receiver } = this;
    const delivered = receiver?.delivered ?? 0;
    if (receiver === undefined || this.#resumeFrom === undefined || delivered === 0)
      return undefined;
    this.#deliveredBefore += delivered;
    this.fruitfulAttempts++;
    receiver.restart();
    this.#input = this.#resumeFrom(this.#input, this.lastItem, this.#deliveredBefore);
    return { input: this.#input };
  }

  /** The call was sent on a link: what belongs to its streams follows. */
  open(link: LinkStreams): void {
    const { receiver } = this;
    const call = this.#call as StreamedCall;
    this.leave();
    this.#link = link;
    if (receiver !== undefined && givesItems(call.row.kind)) {
      receiver.restart();
      link.tell(call.number, receiver.takeCredit());
    }
    this.#sent?.begin(call.number, link.maxFrameBytes);
  }

  /** The server has the call from an earlier link: its streams go on here. */
  resume(link: LinkStreams): void {
    const { receiver } = this;
    const call = this.#call as StreamedCall;
    this.leave();
    this.#link = link;
    if (this.#sender !== undefined) this.#sender.maxFrameBytes = link.maxFrameBytes;
    if (this.#hasBegun) this.#loosen();
    if (receiver === undefined || !givesItems(call.row.kind)) return;
    link.tell(call.number, receiver.takeCredit());
    link.flush();
  }

  /** The call is not on its link any more. */
  leave(): void {
    if (this.#sender !== undefined) {
      this.#link?.drop(this.#sender);
      this.#sender.detach();
    }
    this.receiver?.detach();
    this.#link = undefined;
    if (!this.#isLoose) return;
    this.#isLoose = false;
    this.#bound();
  }

  onItem(item: ArrivedItem): void {
    this.#loosen();
    this.receiver?.onItem(item);
    this.#inactivity.touch();
  }

  onCredit(received: number, limit: number): void {
    const sender = this.#sender;
    sender?.onCredit(received, limit);
    this.#loosen();
    // That a stream has begun is not yet an item.
    if (sender === undefined) return;
    this.#inactivity.touch();
    this.#sent?.pull();
    if (sender.isThrough && this.#isUpload) this.#bound();
    this.#link?.carry(sender);
  }

  /** The application waits for an item from now on. */
  onAwaited(): void {
    this.#inactivity.touch();
  }

  /** The reply has come. Gives what is wrong with it, if something is. */
  complete(): HoldfastError | undefined {
    try {
      this.receiver?.end();
      return undefined;
    } catch (error) {
      return error as HoldfastError;
    }
  }

  /** An answer has come: the server need not keep the items before it. */
  acknowledge(): void {
    if (this.receiver?.isUntold !== true) return;
    this.tell();
    this.#link?.flush();
  }

  /** The call has settled. */
  onSettled(): void {
    this.#isLoose = false;
    this.leave();
    this.#inactivity.stop();
    this.#sender?.dropAll();
    this.#sent?.stop();
  }

  /** The call has failed, or was not made at all: the application is told, and its source closed. */
  failed(error: unknown): never {
    this.#sent?.stop();
    if (codeOf(error) === 'ERR_HOLDFAST_ABORTED') this.receiver?.abort(error);
    else this.receiver?.fail(error);
    throw error;
  }

  /** An item is not what it should be. */
  refuse(why: string, cause: unknown): HoldfastError {
    const code = 'ERR_HOLDFAST_OUTPUT';
    this.#end(code, `an item is wrong: ${why}`, cause);
    const message = `An item of "${this.#verb.name}" is wrong: ${why}`;
    return new HoldfastError(code, message, { verb: this.#verb.name, outcome: 'executed', cause });
  }

  /** The application wants no more. */
  cancel(why: string, reason: unknown): void {
    if (this.#cancelled !== undefined) return;
    this.#cancelled = { reason };
    this.#end('ERR_HOLDFAST_ABORTED', why, reason);
  }

  #end(code: ErrorCode, why: string, cause: unknown = this.#cancelled?.reason): void {
    const call = this.#call;
    if (call !== undefined && !call.isSettled) this.#giveUp(code, why, cause);
  }

  /** It sends items, and its server sends none. */
  get #isUpload(): boolean {
    return !givesItems((this.#call as StreamedCall).row.kind);
  }

  #onPushed(): void {
    const sender = this.#sender as StreamSender;
    if (!sender.wantsMore) this.#inactivity.touch();
    this.#link?.carry(sender);
  }

  #onSourceEnded(): void {
    const sender = this.#sender as StreamSender;
    sender.end((target, { number, pushed }) => {
      const end = this.#codec.end(number, pushed);
      target.push(end, 0, end.byteLength);
      // Its answer is waited for like that of any call.
      if (this.#isUpload) this.#bound();
    });
    this.#link?.carry(sender);
  }

  /** What was sent so far must not be taken for the whole: the call is cancelled. */
  #onSourceFailed(error: unknown): void {
    const code = isHoldfastError(error) ? error.code : 'ERR_HOLDFAST_ABORTED';
    this.#end(code, `the source of its items failed: ${messageOf(error)}`, error);
  }

  #onDue(): void {
    // Behind the end there is no next turn on this link.
    if (this.receiver?.isOver) this.tell();
    else this.#link?.tellSoon(this);
  }

  tell(): void {
    const call = this.#call;
    const { receiver } = this;
    if (call === undefined || receiver === undefined || this.#link === undefined) return;
    this.#link.tell(call.number, receiver.takeCredit());
    if (receiver.isOver) this.#link.flush();
  }

  /** It waits for the far side: for an item, or for leave to send one. */
  get #isWaiting(): boolean {
    const sender = this.#sender;
    const isBlocked = sender !== undefined && !sender.isAcknowledged && !sender.wantsMore;
    return this.receiver?.isAwaited === true || isBlocked;
  }

  /** It has begun and has a link: unless it is bounded as a whole, it may take as long as it likes. */
  #loosen(): void {
    if (this.#isBounded || this.#isLoose) return;
    this.#isLoose = true;
    this.#hasBegun = true;
    const call = this.#call as StreamedCall;
    this.#wheel.remove(call);
    call.dueAt = Number.POSITIVE_INFINITY;
  }

  #bound(): void {
    const call = this.#call as StreamedCall;
    if (this.#isBounded || call.isSettled) return;
    const { clock, timeoutMs } = this.#options;
    this.#wheel.add(call, clock.now() + timeoutMs);
  }
}
