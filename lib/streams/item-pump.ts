import { isThenable } from '../util/is-thenable.ts';
import {
  discard,
  type ItemCheck,
  type ItemSource,
  type OpenItems,
  openItems,
} from './item-source.ts';

/** What a {@link ItemPump} fills: a sender. */
export interface ItemTarget {
  readonly wantsMore: boolean;
  push(item: unknown): void;
}

/**
 * After so many items the event loop turns: where they are small a window has room for tens of
 * thousands, and whoever else has something to do would wait for as long as those take.
 */
const mostPerTurn = 512;

/** What a source has given. */
interface Given {
  readonly done?: boolean | undefined;
  readonly value: unknown;
}

/** Who hears of what an {@link ItemPump} does. */
export interface PumpListener {
  /** Items were pushed: they may be sent. */
  onPushed(): void;
  /** The source has no more; `value` is what a generator returned. */
  onEnd(value: unknown): void;
  /** The source failed, or gave something that cannot be sent; it is closed. */
  onError(error: unknown): void;
  /** Calls back when the event loop has turned. */
  nextTurn(callback: () => void): void;
}

/**
 * Takes items from their source, one at a time and only while the sender wants more. The source is
 * not opened before that.
 */
export class ItemPump {
  readonly #source: ItemSource<unknown>;
  readonly #target: ItemTarget;
  readonly #listener: PumpListener;
  readonly #check: ItemCheck | undefined;
  #items: OpenItems | undefined;
  #isWaiting = false;
  #isOver = false;
  /** Items since the event loop was last let turn for their sake. */
  #inTurn = 0;

  constructor(
    source: ItemSource<unknown>,
    target: ItemTarget,
    listener: PumpListener,
    check?: ItemCheck,
  ) {
    this.#source = source;
    this.#check = check;
    this.#target = target;
    this.#listener = listener;
  }

  /** The source was not touched. */
  get isUntouched(): boolean {
    return this.#items === undefined && !this.#isOver;
  }

  /** The source has ended, or nothing more is wanted of it. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Takes what the sender wants; called whenever it may want more. */
  pull(): void {
    if (this.#isWaiting || this.#isOver || !this.#target.wantsMore) return;
    let pushed = false;
    try {
      this.#items ??= this.#open();
      while (!this.#isOver && this.#target.wantsMore && !this.#mustTurn()) {
        const result = this.#items.next();
        if (isThenable(result)) {
          this.#await(Promise.resolve(result as PromiseLike<IteratorResult<unknown>>));
          break;
        }
        const { done, value } = result as IteratorResult<unknown>;
        if (isThenable(value)) {
          this.#await(Promise.resolve(value).then((resolved) => ({ done, value: resolved })));
          break;
        }
        if (this.#isOver) {
          // The source has given itself up: a generator that runs could not be closed then.
          void this.#items.close(undefined);
          break;
        }
        this.#take(done, value);
        pushed ||= done !== true;
      }
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (pushed && !this.#isOver) this.#listener.onPushed();
  }

  /** Nothing more is wanted: the source is closed. Resolves when it is; never rejects. */
  async stop(reason: unknown): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    // What the application does then, to other calls too, must not come in the midst of what ends this.
    await Promise.resolve();
    const source = this.#source;
    if (this.#items !== undefined) await this.#items.close(reason);
    else if (typeof source !== 'function') await discard(source, reason);
  }

  #open(): OpenItems {
    const source = this.#source;
    return openItems(typeof source === 'function' ? source() : source, this.#check);
  }

  /** Enough for this turn: it goes on in the next. */
  #mustTurn(): boolean {
    if (this.#inTurn < mostPerTurn) return false;
    this.#inTurn = 0;
    this.#isWaiting = true;
    this.#listener.nextTurn(this.#onTurn);
    return true;
  }

  readonly #onTurn = (): void => {
    this.#isWaiting = false;
    this.pull();
  };

  #await(result: Promise<Given>): void {
    this.#isWaiting = true;
    result.then(this.#onResult, this.#onFailure);
  }

  readonly #onResult = ({ done, value }: Given): void => {
    this.#isWaiting = false;
    if (this.#isOver) return;
    try {
      this.#take(done, value);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (this.#isOver) return;
    this.#listener.onPushed();
    this.pull();
  };

  readonly #onFailure = (error: unknown): void => {
    this.#isWaiting = false;
    this.#fail(error);
  };

  #take(done: boolean | undefined, value: unknown): void {
    if (done === true) {
      this.#isOver = true;
      this.#listener.onEnd(value);
    } else {
      this.#inTurn++;
      this.#target.push(value);
    }
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    void this.#items?.close(error);
    this.#listener.onError(error);
  }
}
