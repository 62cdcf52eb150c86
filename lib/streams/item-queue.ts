interface Waiter<Item> {
  promise: Promise<unknown> | undefined;
  resolve(result: IteratorResult<Item, undefined>): void;
  reject(error: unknown): void;
}

const finished: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

/** Who asks ahead may not look at the answer any more: that must not end the process. */
const unheard = (): void => {};

/** Items on their way from whoever pushes them to whoever asks for the next one. */
export class ItemQueue<Item> {
  #items: (Item | undefined)[] = [];
  #first = 0;
  #isOver = false;
  /** What the end is, once: an error is told to who asks next, then there is nothing any more. */
  #error: { readonly error: unknown } | undefined;
  readonly #waiters: Waiter<Item>[] = [];

  get size(): number {
    return this.#items.length - this.#first;
  }

  /** Somebody waits for the next item. */
  get isAwaited(): boolean {
    return this.#waiters.length > 0;
  }

  /** Nothing more is pushed. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** True when somebody waited for it. */
  push(item: Item): boolean {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#items.push(item);
    else waiter.resolve({ done: false, value: item });
    return waiter !== undefined;
  }

  /** The next item that is there. */
  take(): Item | undefined {
    if (this.size === 0) return undefined;
    const item = this.#items[this.#first] as Item;
    this.#items[this.#first++] = undefined;
    if (this.#first * 2 >= this.#items.length) {
      this.#items.splice(0, this.#first);
      this.#first = 0;
    }
    return item;
  }

  /** Nothing follows what is there, but for `error` if there is one. The first end counts. */
  end(error?: { readonly error: unknown }): void {
    if (this.#isOver) return;
    this.#close(error);
  }

  /**
   * Throws away what is there; the error follows what was taken, also when another end had come: who
   * takes the items must not think that they were all.
   */
  abort(error: unknown): void {
    this.clear();
    this.#close({ error });
  }

  #close(error?: { readonly error: unknown }): void {
    this.#isOver = true;
    const waiters = this.#waiters.splice(0);
    this.#error = waiters.length === 0 ? error : undefined;
    for (const { promise, resolve, reject } of waiters) {
      if (error === undefined) {
        resolve(finished);
      } else {
        promise?.catch(unheard);
        reject(error.error);
      }
    }
  }

  /** Throws away what is there. */
  clear(): void {
    this.#items = [];
    this.#first = 0;
  }

  /** The next item, or the end; for when nothing is there to take. */
  wait(): Promise<IteratorResult<Item, undefined>> {
    if (this.#isOver) return this.#tellEnd();
    let waiter: Waiter<Item> | undefined;
    const promise = new Promise<IteratorResult<Item, undefined>>((resolve, reject) => {
      waiter = { promise: undefined, resolve, reject };
      this.#waiters.push(waiter);
    });
    (waiter as unknown as Waiter<Item>).promise = promise;
    return promise;
  }

  #tellEnd(): Promise<IteratorReturnResult<undefined>> {
    const failed = this.#error;
    this.#error = undefined;
    if (failed === undefined) return Promise.resolve(finished);
    const promise = Promise.reject(failed.error);
    promise.catch(unheard);
    return promise;
  }
}
