import { MemoryCompletionStore, type MemoryStoreBounds } from '../completions/memory.ts';
import type { BeginRequest, Begun, Completion, CompletionStore } from '../completions/store.ts';
import type { Clock } from '../util/clock.ts';
import type { Predecessor } from './predecessor.ts';

/**
 * The records of a server that was given no store: in its memory. Records of the server before it
 * stay there until that is done, and are asked for; then they come here. When it ends too early they
 * are lost, and the set of records has another name from then on.
 */
export class OwnStore implements CompletionStore {
  readonly #memory: MemoryCompletionStore;
  #id: string;
  #predecessor: Predecessor | undefined;
  /** The records are on their way: who begins waits for them. */
  #taking: Promise<void> | undefined;

  constructor(clock: Clock, bounds: MemoryStoreBounds) {
    this.#memory = new MemoryCompletionStore(clock, bounds);
    this.#id = this.#memory.id;
  }

  get id(): string {
    return this.#id;
  }

  /** The records in this process. */
  get memory(): MemoryCompletionStore {
    return this.#memory;
  }

  /** From now on the records of the server before this one count too. */
  follow(predecessor: Predecessor, id: string): void {
    this.#predecessor = predecessor;
    this.#id = id;
  }

  /** The server before this one is done: its records come here. */
  async takeAll(): Promise<void> {
    const predecessor = this.#predecessor;
    if (predecessor === undefined) return;
    const taking = predecessor.records.takeAll().then((records) => this.#memory.adopt(records));
    this.#taking = taking;
    await taking;
    this.#predecessor = undefined;
  }

  /** The server before this one has ended, and its records with it. */
  forget(): void {
    if (this.#predecessor === undefined) return;
    this.#predecessor = undefined;
    this.#id = this.#memory.id;
  }

  begin(request: BeginRequest): Begun | Promise<Begun> {
    const predecessor = this.#predecessor;
    return predecessor === undefined
      ? this.#memory.begin(request)
      : this.#beginThere(predecessor, request);
  }

  async #beginThere(predecessor: Predecessor, request: BeginRequest): Promise<Begun> {
    if (this.#taking !== undefined) {
      await this.#taking;
      return this.#memory.begin(request);
    }
    const begun = await predecessor.records.begin(request);
    // What runs here is noted here too: it does not depend on the other's life.
    return begun.state === 'new' ? this.#memory.begin(request) : begun;
  }

  finish(request: BeginRequest, completion: Completion): void | Promise<void> {
    this.#memory.finish(request, completion);
    return this.#there((records) => records.finish(request, completion));
  }

  abandon(request: BeginRequest): void | Promise<void> {
    this.#memory.abandon(request);
    return this.#there((records) => records.abandon(request));
  }

  #there(tell: (records: Predecessor['records']) => Promise<void>): void | Promise<void> {
    if (this.#taking === undefined && this.#predecessor !== undefined) {
      return tell(this.#predecessor.records);
    }
  }
}
