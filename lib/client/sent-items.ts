import { HoldfastError } from '../errors.ts';
import type { StreamCodec } from '../protocols/protocol.ts';
import { ItemPump } from '../streams/item-pump.ts';
import {
  heedErrors,
  type ItemCheck,
  type ItemIterable,
  type ItemSource,
  isItemIterable,
  isOneShot,
} from '../streams/item-source.ts';
import { type SenderLimits, StreamSender } from '../streams/stream-sender.ts';
import { show } from '../util/check.ts';
import { describeIssues } from '../verbs/schema.ts';
import type { VerbUse } from './verb-use.ts';

/** Who hears of what becomes of {@link SentItems}. */
export interface SentListener {
  /** Items may be sent. */
  onPushed(): void;
  /** The source has ended: nothing follows what was taken of it. */
  onEnded(): void;
  /** The source failed, or gave what cannot be sent; it is closed. */
  onFailed(error: unknown): void;
  /** Calls back when the event loop has turned. */
  nextTurn(callback: () => void): void;
}

/** What a call sends beside its input, over all its attempts: the source, and what was taken of it. */
export class SentItems {
  readonly #verb: VerbUse;
  readonly #source: ItemSource<unknown>;
  readonly #codec: StreamCodec;
  readonly #limits: SenderLimits;
  readonly #listener: SentListener;
  #sender: StreamSender;
  #pump: ItemPump;
  /** What the function that is the source made last. */
  #made: unknown;

  constructor(
    verb: VerbUse,
    source: ItemSource<unknown>,
    codec: StreamCodec,
    limits: SenderLimits,
    listener: SentListener,
  ) {
    this.#verb = verb;
    this.#source = source;
    this.#codec = codec;
    this.#limits = limits;
    this.#listener = listener;
    this.#sender = this.#newSender();
    this.#pump = this.#newPump();
    if (typeof source === 'function') return;
    heedErrors(source, (error) => {
      // Whoever has opened it hears of it there.
      if (this.#pump.isUntouched) listener.onFailed(error);
    });
  }

  get sender(): StreamSender {
    return this.#sender;
  }

  /** What was taken from the source cannot be had again. */
  get isConsumed(): boolean {
    const isKept = this.#pump.isUntouched || this.#sender.isRewindable;
    return !isKept && typeof this.#source !== 'function';
  }

  /**
   * It is decided that the call is sent again. What is still here stays, though the source may go on
   * until then: it would not be begun again.
   */
  rewind(): void {
    if (this.#sender.isRewindable) this.#sender.rewind();
  }

  /** From the first item, in an attempt that knows nothing of those before it. */
  begin(number: number, maxFrameBytes: number): void {
    if (this.#sender.isRewindable) {
      this.#sender.rewind();
    } else {
      void this.#pump.stop(undefined);
      this.#sender = this.#newSender();
      this.#pump = this.#newPump();
    }
    this.#sender.number = number;
    this.#sender.maxFrameBytes = maxFrameBytes;
  }

  /** Takes what the sender wants; called whenever it may want more. */
  pull(): void {
    this.#pump.pull();
  }

  /** Nothing more is wanted: the source is closed. */
  stop(): void {
    void this.#pump.stop(undefined);
  }

  #newSender(): StreamSender {
    return new StreamSender(0, this.#codec, this.#limits);
  }

  #newPump(): ItemPump {
    const source = this.#source;
    const open = typeof source === 'function' ? () => this.#make(source) : source;
    const { onPushed, onEnded, onFailed, nextTurn } = this.#listener;
    const listener = { onPushed, onEnd: onEnded, onError: onFailed, nextTurn };
    return new ItemPump(open, this.#sender, listener, sentCheck(this.#verb));
  }

  /**
   * Has the items made, the first time or once more.
   *
   * @throws HoldfastError `ERR_HOLDFAST_INPUT` when that is nothing that can be iterated, or not again
   */
  #make(source: () => unknown): ItemIterable<unknown> {
    const { name } = this.#verb;
    const made = source();
    if (!isItemIterable(made)) {
      throw inputError(name, `items must be something that can be iterated, got ${show(made)}`);
    }
    // It would be taken for an empty one, or for one that begins in the midst.
    if (made === this.#made && isOneShot(made)) {
      throw inputError(name, 'its items are wanted again, and what makes them gave the same again');
    }
    this.#made = made;
    return made;
  }
}

/** Holds each item to the verb's schema before it is sent, if there is one. */
function sentCheck({ name, sent }: VerbUse): ItemCheck | undefined {
  if (sent === undefined) return undefined;
  return async (item) => {
    const { issues } = await sent['~standard'].validate(item);
    if (issues === undefined) return item;
    throw inputError(name, `an item is wrong: ${describeIssues(issues)}`);
  };
}

function inputError(verb: string, why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_INPUT', why, { verb, final: true });
}
