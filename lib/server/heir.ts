import type { OwnStore } from './own-store.ts';
import type { Estate, Predecessor } from './predecessor.ts';
import type { Sessions } from './sessions.ts';

/**
 * Takes the sessions over from the server before this one: each when its client asks what became of
 * its calls, the others when the predecessor is done. As long as it lives it is asked; when it ends
 * too early, what only it knew is lost, and nothing is said of it.
 */
export class Heir {
  readonly #predecessor: Predecessor;
  readonly #sessions: Sessions;
  /** Where records of `once` calls are kept, if that is this server's memory. */
  readonly #store: OwnStore | undefined;
  /** The store may be another set of records now. */
  readonly #onStoreMoved: () => void;
  readonly #claims = new Map<string, Promise<void>>();
  /** Answers that are awaited of the predecessor. */
  readonly #answers = new Set<Promise<unknown>>();
  #servers: readonly string[] = [];
  #state: 'taking-over' | 'complete' | 'lost' = 'taking-over';
  #isOver: () => void = () => {};
  /** Nothing depends on the predecessor any more. */
  readonly over: Promise<void> = new Promise((resolve) => {
    this.#isOver = resolve;
  });
  #letIn: () => void = () => {};
  /** Clients wait until it is known who was here before. */
  readonly #isReady = new Promise<void>((resolve) => {
    this.#letIn = resolve;
  });

  constructor(
    predecessor: Predecessor,
    sessions: Sessions,
    store: OwnStore | undefined,
    onStoreMoved: () => void,
  ) {
    this.#predecessor = predecessor;
    this.#sessions = sessions;
    this.#store = store;
    this.#onStoreMoved = onStoreMoved;
  }

  /** The servers for which verdicts of this one may speak. */
  get servers(): readonly string[] {
    return this.#state === 'lost' ? [] : this.#servers;
  }

  /** Tells the predecessor to let go; rejects when it does not. */
  async start(): Promise<void> {
    const { servers, completions } = await this.#predecessor.ready();
    this.#servers = servers;
    if (completions !== undefined) this.#store?.follow(this.#predecessor, completions);
    this.#onStoreMoved();
    this.#letIn();
    void this.#takeRest();
  }

  /** Nothing is wanted of the predecessor any more. */
  stop(): void {
    this.#predecessor.close();
    this.#isOver();
  }

  /** Takes what is left when the predecessor is done. Never rejects. */
  async #takeRest(): Promise<void> {
    try {
      for (let rest = await this.#predecessor.rest(); rest.length > 0; ) {
        for (const estate of rest) this.#adopt(estate);
        rest = await this.#predecessor.rest();
      }
      // What was claimed at the last moment is asked for before the predecessor hears the last word.
      await Promise.all(this.#claims.values());
      await this.#store?.takeAll();
      // To close now would lose the answers that are on their way.
      await Promise.allSettled(this.#answers);
      this.#state = 'complete';
    } catch {
      this.#state = 'lost';
      this.#store?.forget();
      this.#onStoreMoved();
    }
    this.#predecessor.close();
    this.#isOver();
  }

  /**
   * Makes sure that what is known of a session is known here, if it can be. A client that only comes
   * for its next calls asks for nothing, and its link at the predecessor is left alone.
   */
  async prepare(session: string, isAsking: boolean): Promise<void> {
    await this.#isReady;
    if (!isAsking || this.#state !== 'taking-over') return;
    if (this.#sessions.get(session)?.isComplete) return;
    const claim = this.#claims.get(session) ?? this.#claim(session);
    this.#claims.set(session, claim);
    await claim.finally(() => this.#claims.delete(session));
  }

  async #claim(session: string): Promise<void> {
    try {
      const estate = await this.#predecessor.claim(session);
      if (estate !== undefined) this.#adopt(estate);
    } catch {
      // It has ended, or does not answer: nothing is said of what it knew.
    }
  }

  #adopt(estate: Estate): void {
    const { session: id } = estate;
    const predecessor = this.#predecessor;
    const session = this.#sessions.adopt(estate);
    for (const [index, number] of session === undefined ? [] : estate.running.entries()) {
      const answer = predecessor.answer(id, number);
      const forget = (): void => void this.#answers.delete(answer);
      this.#answers.add(answer);
      answer.then(forget, forget);
      const cancel = (): void => predecessor.cancel(id, number);
      session?.awaitAnswer(number, { verb: estate.verbs[index] ?? '', answer, cancel });
    }
  }
}
