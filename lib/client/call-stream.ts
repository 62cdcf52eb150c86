import { AsyncLocalStorage } from 'node:async_hooks';
import {
  codeOf,
  type ErrorCode,
  type HoldfastError,
  isHoldfastError,
  messageOf,
} from '../errors.ts';
import type { ArrivedItem, StreamCodec } from '../protocols/protocol.ts';
import type { ItemSource } from '../streams/item-source.ts';
import { StreamReceiver } from '../streams/stream-receiver.ts';
import type { StreamSender } from '../streams/stream-sender.ts';
import { givesItems } from '../verbs/kinds.ts';
import type { ResumeFrom } from '../verbs/verb.ts';
import { givenUpError, itemError } from './item-errors.ts';
import type { LinkedStream, LinkStreams, Telling } from './link-streams.ts';
import type { ResolvedClientOptions } from './options.ts';
import { SentItems } from './sent-items.ts';
import { type StreamedCall, StreamTime } from './stream-time.ts';
import type { VerbUse } from './verb-use.ts';

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
  /** The last item that the application was given, as it was given. */
  #lastItem: unknown;
  #isLookedAt = false;
  readonly #codec: StreamCodec;
  readonly #verb: VerbUse;
  readonly #sent: SentItems | undefined;
  readonly #time: StreamTime;
  /** Runs something as the application would have, when it made the call. */
  readonly #within = AsyncLocalStorage.snapshot();
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
    const { maxFrameBytes, streamWindowBytes: windowBytes } = options;
    this.#codec = codec;
    this.#verb = verb;
    this.#input = input;
    this.#time = new StreamTime(
      options,
      () => this.#isWaiting,
      (limitMs) => this.#end('ERR_HOLDFAST_INACTIVE', `nothing came for ${limitMs} ms`),
    );
    if (source !== undefined) {
      const limits = { maxFrameBytes, maxBufferedBytes: windowBytes, isRewound: true };
      this.#sent = new SentItems(verb, source, codec, limits, {
        onPushed: () => this.#onPushed(),
        onEnded: () => this.#onSourceEnded(),
        onFailed: (error) => this.#onSourceFailed(error),
        nextTurn: (callback) => options.clock.nextTurn(callback),
      });
    }
    if (!hasItems) return;
    this.receiver = new StreamReceiver({
      codec,
      windowBytes,
      maxFrameBytes,
      onDue: () => this.#onDue(),
      onTaken: (item) => this.#onTaken(item),
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

  /**
   * The item that was taken last is not given yet: first it is looked at. False when the stream was
   * opened anew meanwhile: then the item comes again.
   */
  get isLookedAt(): boolean {
    return this.#isLookedAt;
  }

  #onTaken(item: unknown): void {
    if (this.#verb.items === undefined) this.#lastItem = item;
    else this.#isLookedAt = true;
  }

  /** What was found when an item was looked at is given to the application. */
  onGiven(item: unknown): void {
    this.#isLookedAt = false;
    this.#lastItem = item;
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
  remainingMs(now: number): number {
    return this.#time.remainingMs(now);
  }

  /** That its deadline has passed, in words; undefined when that was the whole call's. */
  get lateness(): string | undefined {
    return this.#time.lateness;
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
    this.#time.follow(call);
  }

  /**
   * The input by which the call is sent again, if it is not the same: behind what was delivered.
   *
   * @throws what `resumeFrom` throws
   */
  goOn(): { readonly input: unknown } | undefined {
    const { receiver } = this;
    const delivered = (receiver?.delivered ?? 0) - (this.#isLookedAt ? 1 : 0);
    const resumeFrom = this.#resumeFrom;
    if (receiver === undefined || resumeFrom === undefined || delivered === 0) return undefined;
    this.#deliveredBefore += delivered;
    this.fruitfulAttempts++;
    this.#restart();
    this.#within(() => {
      this.#input = resumeFrom(this.#input, this.#lastItem, this.#deliveredBefore);
    });
    return { input: this.#input };
  }

  #restart(): void {
    this.#isLookedAt = false;
    this.receiver?.restart();
  }

  /** The call was sent on a link: what belongs to its streams follows. */
  open(link: LinkStreams): void {
    const { receiver } = this;
    const call = this.#call as StreamedCall;
    this.leave();
    this.#link = link;
    if (receiver !== undefined && givesItems(call.row.kind)) {
      this.#restart();
      link.tell(call.number, receiver.takeCredit());
    }
    this.#sent?.begin(call.number, link.maxFrameBytes);
  }

  /** It is decided that the call is sent again, now or later: its items will all come once more. */
  rewind(): void {
    this.#sent?.rewind();
    if (this.#resumeFrom === undefined) this.#restart();
  }

  /** The server has the call from an earlier link: its streams go on here. */
  resume(link: LinkStreams): void {
    const { receiver } = this;
    const call = this.#call as StreamedCall;
    this.leave();
    this.#link = link;
    if (this.#sender !== undefined) this.#sender.maxFrameBytes = link.maxFrameBytes;
    this.#time.resumed();
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
    this.#time.left();
  }

  onItem(item: ArrivedItem): void {
    this.#time.begun();
    this.receiver?.onItem(item);
    this.#time.touch();
  }

  onCredit(received: number, limit: number): void {
    const sender = this.#sender;
    sender?.onCredit(received, limit);
    this.#time.begun();
    // That a stream has begun is not yet an item.
    if (sender === undefined) return;
    this.#time.touch();
    this.#within(() => this.#sent?.pull());
    if (sender.isThrough && this.#isUpload) this.#time.bound();
    this.#link?.carry(sender);
  }

  /** The application asks for an item; a call that has settled does not hear of its signal. */
  onAsked(): void {
    const signal = this.#call?.given?.signal;
    if (signal?.aborted) this.cancel('it was cancelled', signal.reason);
  }

  /** The application waits for an item from now on. */
  onAwaited(): void {
    this.#time.touch();
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
    this.#time.stop();
    this.leave();
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
    this.#end('ERR_HOLDFAST_OUTPUT', `an item is wrong: ${why}`, cause);
    return itemError(this.#verb, why, cause);
  }

  /** The application wants no more. */
  cancel(why: string, reason: unknown): void {
    if (this.#cancelled !== undefined) return;
    this.#cancelled = { reason };
    const code = 'ERR_HOLDFAST_ABORTED';
    if (this.#call?.isSettled !== true) this.#end(code, why, reason);
    else this.receiver?.close(givenUpError(this.#verb, why, reason, this.countsAt(code)));
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
    if (!sender.wantsMore) this.#time.touch();
    this.#link?.carry(sender);
  }

  #onSourceEnded(): void {
    const sender = this.#sender as StreamSender;
    sender.end((target, { number, pushed }) => {
      const end = this.#codec.end(number, pushed);
      target.push(end, 0, end.byteLength);
      // Its answer is waited for like that of any call.
      if (this.#isUpload) this.#time.bound();
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
}
