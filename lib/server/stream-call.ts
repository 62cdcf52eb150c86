import { AsyncLocalStorage } from 'node:async_hooks';
import { HoldfastError } from '../errors.ts';
import type { ServerWatch } from '../observe/server-watch.ts';
import type { ArrivedCall } from '../protocols/holdfast/server-wire.ts';
import type { ArrivedItem, Outgoing, StreamCodec } from '../protocols/protocol.ts';
import type { Sending } from '../streams/courier.ts';
import { ItemPump } from '../streams/item-pump.ts';
import { discard, heedErrors, isItemIterable } from '../streams/item-source.ts';
import { acknowledgeBytes, type Credit, StreamReceiver } from '../streams/stream-receiver.ts';
import { StreamSender } from '../streams/stream-sender.ts';
import { show } from '../util/check.ts';
import type { Clock } from '../util/clock.ts';
import { givesItems, takesItems } from '../verbs/kinds.ts';
import type { ServedVerb } from './handlers.ts';
import { checkedItem, itemsOf } from './item-checks.ts';
import type { ResolvedServerOptions } from './options.ts';
import { frameOf } from './records.ts';
import type { RunningStreams, SessionLink, StreamLink } from './running-call.ts';
import { type AnswerTarget, ServerCall } from './server-call.ts';
import type { Session } from './session.ts';
import { windowFor } from './stream-limits.ts';

const nothing: Credit = { received: 0, limit: 0 };

/**
 * A call with items beside it. It runs until its answer is there and the client has every item before
 * it; the answer goes out behind the last item, and again on each link on which that is sent again.
 */
export class StreamCall extends ServerCall implements RunningStreams, AnswerTarget, Sending {
  override readonly target: AnswerTarget = this;
  override readonly streams: RunningStreams = this;
  /** What the client sends; to be gone through once. */
  readonly items: AsyncIterable<unknown> | undefined;
  readonly #served: ServedVerb;
  readonly #codec: StreamCodec;
  readonly #clock: Clock;
  readonly #receiver: StreamReceiver | undefined;
  readonly #sender: StreamSender | undefined;
  #pump: ItemPump | undefined;
  /** The link that the streams are on. */
  #link: StreamLink | undefined;
  /** The handler has begun: the client may send. */
  #hasBegun = false;
  /** END came on the link at hand. */
  #hasEnd = false;
  #isTelling = false;
  /** The answer, until the client has every item. */
  #answer: Buffer | undefined;
  /** Runs something as the handler would. */
  #within: (run: () => void) => void = (run) => run();
  #endPump: (reason: Error) => void = () => {};

  constructor(
    link: SessionLink,
    session: Session,
    served: ServedVerb,
    arrived: ArrivedCall,
    options: ResolvedServerOptions,
    watch: ServerWatch,
    codec: StreamCodec,
  ) {
    const { kind, sent } = served.verb;
    const windowBytes = takesItems(kind) ? windowFor(session, arrived, options) : 0;
    super(link, session, served, arrived, options.clock, watch, windowBytes);
    this.#served = served;
    this.#codec = codec;
    this.#clock = options.clock;
    if (takesItems(kind)) {
      this.#receiver = new StreamReceiver({
        codec,
        windowBytes,
        maxFrameBytes: options.maxFrameBytes,
        onDue: () => this.#onDue(),
        onReturn: () => {},
        onBroken: () => {},
        grow: (bytes) => session.growIncoming(bytes, options.maxIncomingBytes),
        shrink: (bytes) => {
          session.incomingBytes -= bytes;
        },
      });
      this.items = itemsOf(this.#receiver, sent, this.verb);
    }
    if (givesItems(kind)) {
      session.room.join(this);
      this.#sender = new StreamSender(this.number, codec, {
        maxFrameBytes: session.maxFrameBytes,
        maxBufferedBytes: options.streamWindowBytes,
      });
    }
  }

  get isDelivering(): boolean {
    return this.#answer !== undefined;
  }

  get needsLink(): boolean {
    return this.#sender !== undefined || this.#receiver?.isOver === false;
  }

  /** Items were given: it cannot be said any more that nothing was done. */
  override get hasGiven(): boolean {
    return this.#sender !== undefined && this.#sender.pushed > 0;
  }

  attach(link: StreamLink): void {
    this.#link = link;
    if (this.#sender !== undefined) this.#sender.maxFrameBytes = this.session.maxFrameBytes;
    this.#sendCredit();
  }

  detach(): void {
    this.#link?.drop(this);
    this.#link = undefined;
    this.#hasEnd = false;
    this.#receiver?.detach();
    this.#sender?.detach();
  }

  onItem(item: ArrivedItem): void {
    if (this.#receiver === undefined) throw unasked('ITEM', this);
    this.#receiver.onItem(item);
  }

  onEnd(count: number): void {
    if (this.#receiver === undefined || this.#hasEnd) throw unasked('END', this);
    this.#hasEnd = true;
    this.#receiver.end(count);
  }

  onCredit(received: number, limit: number): void {
    const sender = this.#sender;
    if (sender === undefined) throw unasked('CREDIT', this);
    const before = sender.bufferedBytes;
    sender.onCredit(received, limit);
    this.session.room.giveBack(before - sender.bufferedBytes);
    if (this.isDelivering && sender.isAcknowledged) this.#onDelivered(sender);
    else this.#link?.wake(this);
    this.pull();
  }

  /** Takes from the handler what the client may be sent. */
  pull(): void {
    const pump = this.#pump;
    if (pump !== undefined) this.#within(() => pump.pull());
  }

  /**
   * Tells it at the end of the turn, of items that come together once: a small write costs as much as
   * the half of an item of 64 KiB.
   */
  #onDue(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#clock.nextTurn(() => {
      this.#isTelling = false;
      if (this.#receiver?.isDue) this.#sendCredit();
    });
  }

  tellArrived(): boolean {
    const receiver = this.#receiver;
    // A client does not wait for ever behind the last item of an upload; all of that may be behind
    // the frame at hand, which is news.
    const isUpload = this.#sender === undefined;
    if (receiver?.isArriving !== true && !(isUpload && receiver?.isOpen)) return false;
    this.#sendCredit();
    return true;
  }

  /** Where the client has nothing to send, it hears so that its call has begun. */
  #sendCredit(): void {
    if (!this.#hasBegun || this.#link === undefined) return;
    if (this.isCancelled || this.isDelivering) return;
    const { received, limit } = this.#receiver?.takeCredit() ?? nothing;
    this.#link.send(this.#codec.credit(this.number, received, limit));
  }

  get hasNext(): boolean {
    return this.#sender?.hasNext === true;
  }

  writeNext(target: Outgoing): void {
    this.#sender?.writeNext(target);
  }

  /**
   * Runs the handler, and takes the items that it gives until there are no more.
   *
   * @returns what a handler that gives no items returned
   */
  async serve(handle: () => unknown): Promise<unknown> {
    this.#within = AsyncLocalStorage.snapshot();
    this.#hasBegun = true;
    this.#sendCredit();
    try {
      const given = await handle();
      return this.#sender === undefined ? given : await this.#giveItems(this.#sender, given);
    } finally {
      // What a handler has left to itself must not take what it got so far for the whole.
      this.#receiver?.close(new HoldfastError('ERR_HOLDFAST_ABORTED', 'The handler has ended'));
    }
  }

  #giveItems(sender: StreamSender, given: unknown): Promise<void> {
    if (!isItemIterable(given)) {
      throw new TypeError(`Handler "${this.verb}" must give items to iterate, not ${show(given)}`);
    }
    heedErrors(given, () => {});
    if (this.isCancelled) {
      const reason = this.signal.reason as Error;
      return discard(given, reason).then(() => Promise.reject(reason));
    }
    const check = checkedItem(this.#served.verb.items);
    return new Promise((resolve, reject) => {
      const pump = new ItemPump(
        given,
        this.#target(sender),
        {
          onPushed: () => this.#link?.wake(this),
          onEnd: () => resolve(),
          onError: reject,
          nextTurn: (callback) => this.#clock.nextTurn(callback),
        },
        check,
      );
      this.#endPump = (reason) => {
        void pump.stop(reason).then(() => reject(reason));
      };
      this.#pump = pump;
      pump.pull();
    });
  }

  /** What the pump fills: the sender, within the bounds of the session. */
  #target(sender: StreamSender): { readonly wantsMore: boolean; push(item: unknown): void } {
    const call = this;
    const { room } = this.session;
    return {
      get wantsMore(): boolean {
        if (!sender.wantsMore) return false;
        if (!room.isFull || sender.bufferedBytes < acknowledgeBytes) return true;
        room.await(call);
        return false;
      },
      push: (item) => {
        const before = sender.bufferedBytes;
        sender.push(item);
        room.take(sender.bufferedBytes - before);
      },
    };
  }

  reply(number: number, value: unknown): void {
    this.#finish(this.session.encodeReply(number, value));
  }

  error(_: number, frame: Buffer): void {
    this.#finish(frame);
  }

  decline(number: number, frame: Buffer): void {
    this.session.decline(number, frame);
  }

  /** The answer is there: it goes out when there are no items before it that the client may lack. */
  #finish(answer: Buffer): void {
    const sender = this.#sender;
    if (sender === undefined || sender.unacknowledged === 0) {
      this.session.error(this.number, answer, 'due');
      return;
    }
    this.#answer = answer;
    this.session.deliver(this);
    sender.end((target) => target.push(answer, 0, answer.length));
    this.#link?.wake(this);
  }

  /** The client has every item: from now on the answer is a recorded one. */
  #onDelivered({ isThrough }: StreamSender): void {
    const answer = this.#answer as Buffer;
    this.#answer = undefined;
    if (isThrough) {
      this.session.records.keep(this.number, frameOf(answer));
    } else {
      // It may have waited for its turn behind the last item.
      this.#link?.drop(this);
      this.session.error(this.number, answer, 'due');
    }
    this.session.finished(this);
  }

  /** The client has the answer, and with it every item. */
  discard(): void {
    this.#answer = undefined;
    this.#dropItems();
    this.session.finished(this);
  }

  override cancel(reason: Error): void {
    const isAnswered = this.isDelivering;
    this.#answer = undefined;
    this.#receiver?.abort(reason);
    if (isAnswered) this.isCancelled = true;
    super.cancel(reason);
    this.#endPump(reason);
    this.#dropItems();
  }

  /** Nothing more is sent, and nothing kept. */
  #dropItems(): void {
    this.#link?.drop(this);
    const { room } = this.session;
    room.forget(this);
    if (this.#sender !== undefined) room.giveBack(this.#sender.dropAll());
  }
}

function unasked(frame: string, { number }: StreamCall): HoldfastError {
  const message = `${frame} of call ${number}, which has no such stream, or not any more`;
  return new HoldfastError('ERR_HOLDFAST_PROTOCOL', message);
}
