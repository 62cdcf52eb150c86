import { HoldfastError } from '../errors.ts';
import type { ArrivedItem, StreamCodec } from '../protocols/protocol.ts';
import { ItemQueue } from './item-queue.ts';

/** Smallest window: a sender may wait until a whole part fits. */
export const minWindowBytes: number = 128 * 1024;

/** What came is acknowledged at the latest when it costs so much. */
export const acknowledgeBytes: number = 256 * 1024;

/** Who owns a {@link StreamReceiver}, and what bounds it. */
export interface ReceiverContext {
  readonly codec: StreamCodec;
  /** What items may cost that are on their way or wait for the application. */
  readonly windowBytes: number;
  /** Largest message that this side takes: no item is larger. */
  readonly maxFrameBytes: number;
  /** CREDIT should go out; see {@link StreamReceiver.takeCredit}. */
  onDue(): void;
  /** The application has taken an item. */
  onTaken?(item: unknown): void;
  /** The application wants no more, before the stream's end. */
  onReturn(): void;
  /** What came cannot be used: the stream has failed on this side, though its link is all right. */
  onBroken(error: HoldfastError): void;
  /**
   * An item that is larger than the window needs so much more: true when it may have it. Without this
   * there is always room.
   */
  grow?(bytes: number): boolean;
  /** So many of those bytes are free again. */
  shrink?(bytes: number): void;
}

/** What CREDIT tells. */
export interface Credit {
  /** How many items came whole. */
  readonly received: number;
  /** What all items of the stream may cost so far. */
  readonly limit: number;
}

/**
 * The receiving end of a stream: puts parts together, holds the far side to the numbers and limits of
 * the protocol, and is the iterator that the application reads from. Items that came outlive their
 * link. Pure: no socket, no timer.
 */
export class StreamReceiver<Item = unknown> implements AsyncIterableIterator<Item, undefined> {
  readonly #context: ReceiverContext;
  readonly #queue = new ItemQueue<Item>();
  /** What each item in the queue costs. */
  #costs: number[] = [];
  #received = 0;
  #delivered = 0;
  /** What the items cost that came whole, and those that the application took. */
  #receivedCost = 0;
  #takenCost = 0;
  /** What the window is wider by, for an item that is larger. */
  #extraBytes = 0;
  /** Parts of the item that has begun, in memory of their own. */
  #parts: Buffer[] = [];
  #partialBytes = 0;
  #form = 0;
  /** What CREDIT has told on the link at hand, if it has, and what came since. */
  #told: Credit | undefined;
  #untoldCost = 0;
  /** The far side has ended the stream. */
  #isEnded = false;
  /** This side wants nothing more. */
  #isClosed = false;

  constructor(context: ReceiverContext) {
    this.#context = context;
  }

  /** How many items came whole. */
  get received(): number {
    return this.#received;
  }

  /** How many items the application took. */
  get delivered(): number {
    return this.#delivered;
  }

  /** The application waits for an item. */
  get isAwaited(): boolean {
    return this.#queue.isAwaited;
  }

  /** Nothing more is taken from the far side: it has ended the stream, or this side has. */
  get isOver(): boolean {
    return this.#isEnded || this.#isClosed;
  }

  /**
   * Takes a part of an item.
   *
   * @throws HoldfastError `ERR_HOLDFAST_PROTOCOL`, `ERR_HOLDFAST_FRAME_TOO_LARGE`
   */
  onItem(arrived: ArrivedItem): void {
    if (this.#isClosed) return;
    const itemBytes = this.#partialBytes + arrived.end - arrived.start;
    this.#check(arrived, itemBytes);
    if (arrived.isLast) this.#complete(arrived, itemBytes);
    else this.#keep(arrived, itemBytes);
    if (this.isDue) this.#context.onDue();
  }

  #check({ item, form, isLast, start, end }: ArrivedItem, itemBytes: number): void {
    const { codec, maxFrameBytes } = this.#context;
    if (this.#told === undefined) throw wrong('it came before any CREDIT on this link');
    if (this.#isEnded) throw wrong('it came behind the end of its stream');
    if (item !== this.#received + 1) {
      throw wrong(`it has the number ${item}, not ${this.#received + 1}`);
    }
    if (this.#partialBytes > 0 && form !== this.#form) throw wrong('its parts differ in form');
    if (!isLast && start === end) throw wrong('a part of it is empty, and others follow');
    if (itemBytes + codec.headerBytes > maxFrameBytes) {
      const message = `Peer sends an item of more than maxFrameBytes (${maxFrameBytes})`;
      throw new HoldfastError('ERR_HOLDFAST_FRAME_TOO_LARGE', message);
    }
    if (this.#receivedCost + codec.itemCost + itemBytes > this.#told.limit) {
      throw wrong(`it goes beyond the limit of ${this.#told.limit}`);
    }
  }

  /** Keeps a part that others follow. */
  #keep({ form, buffer, start, end, owned }: ArrivedItem, itemBytes: number): void {
    const part = buffer.subarray(start, end);
    this.#parts.push(owned ? part : Buffer.from(part));
    this.#partialBytes = itemBytes;
    this.#form = form;
    this.#widen();
  }

  #complete({ form, buffer, start, end, owned }: ArrivedItem, itemBytes: number): void {
    const { codec } = this.#context;
    const parts = this.#parts;
    this.#dropPartial();
    const cost = itemBytes + codec.itemCost;
    this.#received++;
    this.#receivedCost += cost;
    this.#untoldCost += cost;
    let item: unknown;
    try {
      if (parts.length === 0) {
        item = codec.decode(form, buffer, start, end, owned);
      } else {
        const whole = Buffer.concat([...parts, buffer.subarray(start, end)], itemBytes);
        item = codec.decode(form, whole, 0, itemBytes, true);
      }
    } catch (error) {
      this.#break(error as HoldfastError);
      return;
    }
    if (this.#queue.push(item as Item)) this.#onTaken(cost, item);
    else this.#costs.push(cost);
  }

  #onTaken(cost: number, item: unknown): void {
    this.#delivered++;
    this.#takenCost += cost;
    this.#narrow();
    if (this.#partialBytes > 0) this.#widen();
    this.#context.onTaken?.(item);
  }

  /**
   * When the application has nothing to take and the far side cannot go on, the item at hand is larger
   * than the window. The window is widened bit by bit until the item is taken.
   */
  #widen(): void {
    if (this.#queue.size > 0 || this.#room(this.#limit) >= this.#context.codec.maxPartBytes) return;
    const { windowBytes } = this.#context;
    const bytes = Math.max(minWindowBytes, Math.floor(windowBytes / 2));
    if (this.#context.grow?.(bytes) === false) {
      const message =
        'An item of a stream is larger than its window, and there is no room for more';
      this.#break(new HoldfastError('ERR_HOLDFAST_INCOMING_FULL', message));
      return;
    }
    this.#extraBytes += bytes;
  }

  #narrow(): void {
    if (this.#extraBytes === 0) return;
    this.#context.shrink?.(this.#extraBytes);
    this.#extraBytes = 0;
  }

  #break(error: HoldfastError): void {
    this.fail(error);
    this.#context.onBroken(error);
  }

  /** The link is gone: an item of which a part came begins again. */
  detach(): void {
    this.#told = undefined;
    this.#dropPartial();
  }

  #dropPartial(): void {
    this.#parts = [];
    this.#partialBytes = 0;
  }

  get #limit(): number {
    return this.#takenCost + this.#context.windowBytes + this.#extraBytes;
  }

  /** What may still come of the item at hand under a limit. */
  #room(limit: number): number {
    return limit - this.#receivedCost - this.#context.codec.itemCost - this.#partialBytes;
  }

  /**
   * CREDIT was told on this link and is out of date: a quarter of the window was taken, or came and is
   * not acknowledged, or the item at hand could go on. When the stream has ended, the last word is
   * that all of it came.
   */
  get isDue(): boolean {
    const told = this.#told;
    if (told === undefined || this.#isClosed) return false;
    if (this.#isEnded) return this.isUntold;
    const { windowBytes, codec } = this.#context;
    const quarterBytes = windowBytes / 4;
    if (this.#untoldCost >= Math.min(quarterBytes, acknowledgeBytes)) return true;
    if (this.#limit - told.limit >= quarterBytes) return true;
    if (this.#partialBytes === 0) return false;
    const { maxPartBytes } = codec;
    return this.#room(told.limit) < maxPartBytes && this.#room(this.#limit) >= maxPartBytes;
  }

  /** The far side does not know on this link of all that came. */
  get isUntold(): boolean {
    return this.#told !== undefined && this.#told.received < this.#received;
  }

  /** The far side may send on the link at hand, and has not ended the stream. */
  get isOpen(): boolean {
    return this.#told !== undefined && !this.isOver;
  }

  /** Something came of which the far side does not know, be it a part of an item. */
  get isArriving(): boolean {
    return !this.#isClosed && (this.isUntold || this.#partialBytes > 0);
  }

  /** What to tell now; the first time on a link it begins or resumes the stream there. */
  takeCredit(): Credit {
    // On one link the limit never goes back.
    const limit = Math.max(this.#limit, this.#told?.limit ?? 0);
    this.#untoldCost = 0;
    this.#told = { received: this.#received, limit };
    return this.#told;
  }

  /**
   * The far side has ended the stream: after `count` items, if it says how many; with an error behind
   * them, if it failed. The application gets what came, and then the end.
   *
   * @throws HoldfastError `ERR_HOLDFAST_PROTOCOL`
   */
  end(count: number = this.#received, failure?: { readonly error: unknown }): void {
    if (this.#isClosed) return;
    if (count !== this.#received || this.#partialBytes > 0) {
      throw wrong(`its stream ended after ${count}, and ${this.#received} came`);
    }
    this.#isEnded = true;
    this.#queue.end(failure);
    if (this.isDue) this.#context.onDue();
  }

  /** Nothing more comes: the application gets what came, and then the error. */
  fail(error: unknown): void {
    this.#close();
    this.#queue.end({ error });
  }

  /** The application gets nothing but the error. */
  abort(error: unknown): void {
    this.#clear();
    this.#close();
    this.#queue.abort(error);
  }

  /** Nothing more is taken; who does so all the same gets the error, unless it has had everything. */
  close(error: unknown): void {
    if (!this.isOver || this.#queue.size > 0) this.abort(error);
  }

  /**
   * The stream begins again from a first item, at another process: the same stream as long as the
   * application took nothing, or one that goes on behind what it took. What waits is thrown away.
   */
  restart(): void {
    this.detach();
    this.#clear();
    this.#received = 0;
    this.#delivered = 0;
    this.#receivedCost = 0;
    this.#takenCost = 0;
    this.#untoldCost = 0;
  }

  #close(): void {
    this.#isClosed = true;
    this.#dropPartial();
    this.#narrow();
  }

  #clear(): void {
    this.#queue.clear();
    this.#costs = [];
    this.#narrow();
  }

  next(): Promise<IteratorResult<Item, undefined>> {
    if (this.#queue.size === 0) return this.#queue.wait();
    const item = this.#queue.take() as Item;
    this.#onTaken(this.#costs.shift() as number, item);
    if (this.isDue) this.#context.onDue();
    return Promise.resolve({ done: false, value: item });
  }

  /** The application wants no more. */
  return(): Promise<IteratorResult<Item, undefined>> {
    const wasOver = this.isOver;
    this.#clear();
    this.#close();
    this.#queue.end();
    if (!wasOver) this.#context.onReturn();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

function wrong(why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_PROTOCOL', `ITEM of a stream is wrong: ${why}`);
}
