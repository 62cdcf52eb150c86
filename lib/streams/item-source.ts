import { EventEmitter } from 'node:events';

/**
 * Where the items of a stream come from: anything that can be iterated, an array, a generator, a
 * Node `Readable`, a Web `ReadableStream`; or a function that makes one, which may be called again
 * when the stream is sent again from its beginning.
 */
export type ItemSource<Item> = ItemIterable<Item> | (() => ItemIterable<Item>);

/** What can be iterated, at once or in time. */
export type ItemIterable<Item> = AsyncIterable<Item> | Iterable<Item>;

/** True for what {@link openItems} can open. Text and bytes are items and not streams of them. */
export function isItemIterable(value: unknown): value is ItemIterable<unknown> {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  const { [Symbol.asyncIterator]: slow, [Symbol.iterator]: fast } = value as Partial<
    AsyncIterable<unknown> & Iterable<unknown>
  >;
  return typeof slow === 'function' || typeof fast === 'function' || isWebStream(value);
}

/** True for what can be gone through once: an iterator, a generator, a Node or a Web stream. */
export function isOneShot(items: ItemIterable<unknown>): boolean {
  return 'next' in items || 'destroy' in items || isWebStream(items);
}

/** True for a Node stream of which somebody has taken everything: it would pass for an empty one. */
export function isUsedUp(items: unknown): boolean {
  return (items as { readableEnded?: unknown } | undefined)?.readableEnded === true;
}

/** Items, one at a time. */
export interface OpenItems {
  next(): IteratorResult<unknown> | PromiseLike<IteratorResult<unknown>>;
  /** Nobody wants the rest: what the items come from is closed. Never rejects. */
  close(reason: unknown): Promise<void>;
}

/** Looks at an item before it is sent, and gives what is sent. */
export type ItemCheck = (item: unknown) => Promise<unknown>;

/** Begins to iterate. */
export function openItems(iterable: ItemIterable<unknown>, check?: ItemCheck): OpenItems {
  if (isUsedUp(iterable)) throw new TypeError('The items of this stream have been taken already');
  const items = unchecked(iterable);
  if (check === undefined) return items;
  return {
    next: async () => {
      const result = await items.next();
      return result.done === true ? result : { done: false, value: await check(result.value) };
    },
    close: (reason) => items.close(reason),
  };
}

function unchecked(iterable: ItemIterable<unknown>): OpenItems {
  if (isWebStream(iterable)) return webItems(iterable);
  const iterator =
    Symbol.asyncIterator in iterable
      ? iterable[Symbol.asyncIterator]()
      : iterable[Symbol.iterator]();
  return {
    next: () => iterator.next(),
    close: async (reason) => {
      const returned = quietly(() => iterator.return?.());
      // The iterator of a Node stream that waits for data would close the stream only behind it.
      const { destroy } = iterable as { destroy?: unknown };
      if (typeof destroy === 'function') {
        await quietly(() => destroy.call(iterable, asError(reason)));
      }
      await returned;
    },
  };
}

interface WebStream {
  getReader(): {
    read(): Promise<{ done: boolean; value?: unknown }>;
    cancel(reason: unknown): Promise<void>;
  };
}

function isWebStream(value: object): value is WebStream {
  return typeof (value as Partial<WebStream>).getReader === 'function';
}

/** The iterator of a Web stream that waits for data would close the stream only behind it. */
function webItems(stream: WebStream): OpenItems {
  const reader = stream.getReader();
  return {
    next: () => reader.read() as Promise<IteratorResult<unknown>>,
    close: (reason) => quietly(() => reader.cancel(reason)),
  };
}

/**
 * Closes what was given as items and is not wanted, without having opened it: to iterate what is not
 * an iterator itself could begin what it is for. Never rejects.
 */
export function discard(items: ItemIterable<unknown>, reason: unknown): Promise<void> {
  return quietly(() => {
    const { destroy, cancel, next, return: end } = items as unknown as Record<string, unknown>;
    if (typeof destroy === 'function') return destroy.call(items, asError(reason));
    if (typeof cancel === 'function') return cancel.call(items, reason);
    return typeof next === 'function' && typeof end === 'function' ? end.call(items) : undefined;
  });
}

/**
 * A Node stream that fails before it is opened, or when it is closed, must not end the process:
 * its error belongs to the call.
 */
export function heedErrors(items: ItemIterable<unknown>, onError: (error: Error) => void): void {
  if (items instanceof EventEmitter) items.on('error', onError);
}

/** What goes wrong while something is closed that nobody wants interests nobody. */
async function quietly(close: () => unknown): Promise<void> {
  try {
    await close();
  } catch {
    // See above.
  }
}

function asError(reason: unknown): Error | undefined {
  return reason instanceof Error ? reason : undefined;
}
