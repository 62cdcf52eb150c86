import { HoldfastError } from '../errors.ts';
import type { StandardSchema } from '../verbs/schema.ts';
import type { CallStream } from './call-stream.ts';
import { contentOfItem } from './content.ts';

type Result<Item, Output> = IteratorResult<Item, Output | undefined>;

/**
 * The items that a server sends for one call: to be gone through once, with `for await` or by what
 * takes an `AsyncIterable` (`Readable.from`, `ReadableStream.from`). The call is made at once; as
 * many items wait here as `streamWindowBytes` allows. What goes wrong is thrown at the next item,
 * behind those that have come. To leave the loop early cancels the call.
 */
export class ItemStream<Item = unknown, Output = unknown> implements AsyncIterable<Item> {
  readonly #stream: CallStream;
  readonly #settled: Promise<Output>;
  readonly #schema: StandardSchema | undefined;
  readonly #verb: string;
  #isIterated = false;
  /** The end was told, or the application wants no more. */
  #isOver = false;
  /** The application has left its loop. */
  #isLeft = false;
  /** The last item that was asked for, where each is looked at. */
  #turn: Promise<unknown> = Promise.resolve();

  /** @internal */
  constructor(
    stream: CallStream,
    settled: Promise<Output>,
    verb: string,
    schema: StandardSchema | undefined,
  ) {
    this.#stream = stream;
    this.#settled = settled;
    this.#verb = verb;
    this.#schema = schema;
    // It is thrown at the next item.
    settled.catch(() => {});
  }

  /**
   * Gives the items up: the handler's signal aborts, and whoever waits for the next item gets
   * `ERR_HOLDFAST_ABORTED`, with `reason` as its cause.
   */
  cancel(reason?: unknown): void {
    this.#stream.cancel('it was cancelled', reason);
  }

  /** Gives the items up, if they have not ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
  }

  /**
   * The items; at the end the iterator's result has what the handler returned.
   *
   * @throws HoldfastError `ERR_HOLDFAST_OPTION` the second time: items are not kept
   */
  [Symbol.asyncIterator](): AsyncIterator<Item, Output | undefined, undefined> {
    if (this.#isIterated) {
      const message = `The items of "${this.#verb}" can be iterated only once`;
      throw new HoldfastError('ERR_HOLDFAST_OPTION', message, { final: true });
    }
    this.#isIterated = true;
    return {
      next: () => this.#next(),
      return: async () => {
        this.#isOver = true;
        this.#isLeft = true;
        await this.#stream.receiver?.return();
        return { done: true, value: undefined };
      },
    };
  }

  /** Without an async function, for a stream has many items. */
  #next(): Promise<Result<Item, Output>> {
    if (this.#schema === undefined) return this.#take();
    // They are looked at one after the other, for they are given in their order.
    const next = this.#turn.then(this.#take, this.#take);
    this.#turn = next;
    return next;
  }

  readonly #take = (): Promise<Result<Item, Output>> => {
    const { receiver } = this.#stream;
    if (this.#isOver || receiver === undefined) {
      return Promise.resolve({ done: true, value: undefined });
    }
    this.#stream.onAsked();
    const next = receiver.next();
    if (receiver.isAwaited) this.#stream.onAwaited();
    return next.then(this.#onNext, this.#onFailed);
  };

  readonly #onNext = (
    result: IteratorResult<unknown, undefined>,
  ): Result<Item, Output> | Promise<Result<Item, Output>> => {
    if (result.done === true) return this.#end();
    if (this.#schema === undefined) return result as Result<Item, Output>;
    return this.#checked(this.#schema, result.value).catch(this.#onFailed);
  };

  readonly #onFailed = async (error: unknown): Promise<never> => {
    this.#isOver = true;
    // What is known of the whole call, where it has failed.
    await this.#settled;
    throw error;
  };

  async #end(): Promise<Result<Item, Output>> {
    this.#isOver = true;
    return { done: true, value: this.#isLeft ? undefined : await this.#settled };
  }

  async #checked(schema: StandardSchema, value: unknown): Promise<Result<Item, Output>> {
    const stream = this.#stream;
    const content = await contentOfItem(schema, value);
    // It comes again, and is looked at again.
    if (!stream.isLookedAt) return await this.#take();
    if (!content.isGood) throw stream.refuse(content.why, content.cause);
    stream.onGiven(content.output);
    return { done: false, value: content.output as Item };
  }
}
