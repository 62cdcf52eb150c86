import { HoldfastError } from '../errors.ts';
import type { EncodedItem, Outgoing, StreamCodec } from '../protocols/protocol.ts';
import { acknowledgeBytes } from './stream-receiver.ts';

/** What follows the last item on each link: the END of a request, the answer of a call. */
export type Tail = (target: Outgoing, sender: StreamSender) => void;

/** Bounds of a {@link StreamSender}. */
export interface SenderLimits {
  /** Largest message that the far side takes; a whole item may be no larger. */
  readonly maxFrameBytes: number;
  /**
   * So many bytes of items may be kept until the far side has them, and the last item beyond; at the
   * least what the far side may leave unacknowledged.
   */
  readonly maxBufferedBytes: number;
  /**
   * What the far side has is kept too, as long as all of the stream costs no more than that: then it
   * can be sent again from its first item.
   */
  readonly isRewound?: boolean;
}

/**
 * The sending end of a stream. Items are encoded when they are pushed and kept until the far side
 * acknowledges them, so that a stream goes on at the next item after a lost link. It sends nothing
 * on a link before the far side's credit has come on it, and no more than that allows.
 *
 * Pure: no socket, no timer. Whoever owns it pushes while {@link wantsMore}, and has a courier take
 * parts while {@link hasNext}.
 */
export class StreamSender {
  /** Number of the call that the stream belongs to. */
  number: number;
  maxFrameBytes: number;
  readonly #codec: StreamCodec;
  readonly #maxBufferedBytes: number;
  /** What the far side has is kept too while all of the stream costs no more. */
  readonly #rewoundBytes: number;
  /** Items that are kept, from `#first` on: the first is the one behind `#dropped`. */
  #items: EncodedItem[] = [];
  #first = 0;
  #dropped = 0;
  #acknowledged = 0;
  #pushed = 0;
  /** What the items cost that were acknowledged, pushed, and sent on this link. */
  #acknowledgedCost = 0;
  #pushedCost = 0;
  #sentCost = 0;
  /** Credit has come on the link at hand. */
  #isAttached = false;
  #limit = 0;
  /** The item to be sent next, and how much of its value is sent. */
  #next = 1;
  #from = 0;
  #tail: Tail | undefined;
  #isTailSent = false;
  /** The far side has never had an item: it must not acknowledge one. */
  #isFresh = true;

  constructor(number: number, codec: StreamCodec, limits: SenderLimits) {
    this.number = number;
    this.#codec = codec;
    this.maxFrameBytes = limits.maxFrameBytes;
    // With less it could wait for a far side that need not acknowledge yet.
    this.#maxBufferedBytes = Math.max(limits.maxBufferedBytes, acknowledgeBytes);
    this.#rewoundBytes = limits.isRewound ? limits.maxBufferedBytes : 0;
  }

  /** How many items were pushed. */
  get pushed(): number {
    return this.#pushed;
  }

  /** How many items the far side has. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** How many items are kept because the far side may not have them. */
  get unacknowledged(): number {
    return this.#pushed - this.#acknowledged;
  }

  /** What those cost. */
  get bufferedBytes(): number {
    return this.#pushedCost - this.#acknowledgedCost;
  }

  /** Nothing follows what was pushed. */
  get isEnded(): boolean {
    return this.#tail !== undefined;
  }

  /** The far side has everything that was pushed, and nothing follows. */
  get isAcknowledged(): boolean {
    return this.isEnded && this.#acknowledged === this.#pushed;
  }

  /** Everything is sent on the link at hand, the tail included. */
  get isThrough(): boolean {
    return this.#isAttached && this.#isTailSent;
  }

  /** Credit has come on the link at hand. */
  get isAttached(): boolean {
    return this.#isAttached;
  }

  /** Another item may be pushed. An item may go beyond the limit; the next waits. */
  get wantsMore(): boolean {
    return (
      !this.isEnded && this.#pushedCost < this.#limit && this.bufferedBytes < this.#maxBufferedBytes
    );
  }

  /** Everything is still there from the first item on. */
  get isRewindable(): boolean {
    return this.#dropped === 0;
  }

  /**
   * Encodes an item and keeps it.
   *
   * @throws HoldfastError `ERR_HOLDFAST_ENCODE`, `ERR_HOLDFAST_FRAME_TOO_LARGE`
   */
  push(value: unknown): void {
    const item = this.#codec.encode(value, this.maxFrameBytes);
    this.#items.push(item);
    this.#pushed++;
    this.#pushedCost += item.bytes + this.#codec.itemCost;
    this.#drop();
  }

  /** Nothing follows; on each link `tail` is called behind the last item. */
  end(tail: Tail): void {
    this.#tail ??= tail;
  }

  /** The link is gone, or the stream has left it: nothing is sent until credit comes again. */
  detach(): void {
    this.#isAttached = false;
    this.#isTailSent = false;
  }

  /** True when a far side that takes no larger messages can take all that is kept. */
  fits(maxFrameBytes: number): boolean {
    const maxBytes = maxFrameBytes - this.#codec.headerBytes;
    return this.#items.every(({ bytes }, index) => index < this.#first || bytes <= maxBytes);
  }

  /** Nobody wants what is kept: nothing is sent any more. Gives what it cost. */
  dropAll(): number {
    const bytes = this.bufferedBytes;
    this.detach();
    this.#acknowledged = this.#pushed;
    this.#dropped = this.#pushed;
    this.#acknowledgedCost = this.#pushedCost;
    this.#items = [];
    this.#first = 0;
    this.#limit = 0;
    return bytes;
  }

  /** From the first item again, to a far side that knows nothing of the stream. */
  rewind(): void {
    this.detach();
    this.#acknowledged = 0;
    this.#acknowledgedCost = 0;
    this.#limit = 0;
    this.#isFresh = true;
  }

  /**
   * The far side has the items up to `received`, and takes as many as cost no more than `limit` in
   * all. On a new link what it does not have is sent again, from the beginning of an item.
   *
   * @throws HoldfastError `ERR_HOLDFAST_PROTOCOL`
   */
  onCredit(received: number, limit: number): void {
    const most = this.#isAttached ? this.#next - 1 : this.#isFresh ? 0 : this.#pushed;
    if (received < this.#acknowledged || received > most) {
      throw wrong(`${received} items are acknowledged of ${most}, after ${this.#acknowledged}`);
    }
    if (this.#isAttached && limit < this.#limit) {
      throw wrong(`the limit goes back from ${this.#limit} to ${limit}`);
    }
    for (; this.#acknowledged < received; this.#acknowledged++) {
      this.#acknowledgedCost += this.#item(this.#acknowledged + 1).bytes + this.#codec.itemCost;
    }
    this.#drop();
    this.#limit = limit;
    if (this.#isAttached) return;
    this.#isAttached = true;
    this.#next = received + 1;
    this.#from = 0;
    this.#sentCost = this.#acknowledgedCost;
  }

  /** Something may be sent now. */
  get hasNext(): boolean {
    if (!this.#isAttached) return false;
    if (this.#next > this.#pushed) return this.isEnded && !this.#isTailSent;
    return this.#sentCost + this.#nextCost() <= this.#limit;
  }

  /** Sends the next part, or the tail; only while {@link hasNext}. */
  writeNext(target: Outgoing): void {
    if (this.#next > this.#pushed) {
      this.#isTailSent = true;
      this.#tail?.(target, this);
      return;
    }
    const item = this.#nextItem();
    const from = this.#from;
    const to = from + this.#partBytes(item);
    this.#sentCost += this.#nextCost();
    this.#isFresh = false;
    this.#codec.writePart(target, this.number, this.#next, item, from, to);
    this.#from = to;
    if (to < item.bytes) return;
    this.#next++;
    this.#from = 0;
  }

  /** What the next part adds to what was sent. */
  #nextCost(): number {
    const begun = this.#from === 0 ? this.#codec.itemCost : 0;
    return begun + this.#partBytes(this.#nextItem());
  }

  #partBytes({ bytes }: EncodedItem): number {
    const { maxPartBytes, headerBytes } = this.#codec;
    return Math.min(bytes - this.#from, maxPartBytes, this.maxFrameBytes - headerBytes);
  }

  #nextItem(): EncodedItem {
    return this.#item(this.#next);
  }

  #item(number: number): EncodedItem {
    return this.#items[this.#first + number - 1 - this.#dropped] as EncodedItem;
  }

  /** Lets go of what the far side has, unless it may be wanted again. */
  #drop(): void {
    if (this.#dropped === 0 && this.#pushedCost <= this.#rewoundBytes) return;
    if (this.#dropped === this.#acknowledged) return;
    for (; this.#dropped < this.#acknowledged; this.#dropped++) {
      this.#items[this.#first++] = dropped;
    }
    if (this.#first * 2 < this.#items.length) return;
    this.#items.splice(0, this.#first);
    this.#first = 0;
  }
}

/** In the place of an item that nobody needs any more. */
const dropped: EncodedItem = {
  form: 0,
  buffer: Buffer.alloc(0),
  start: 0,
  end: 0,
  body: undefined,
  bytes: 0,
};

function wrong(why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_PROTOCOL', `CREDIT of a stream is wrong: ${why}`);
}
