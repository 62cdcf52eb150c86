import type { BeginRequest, Begun, Completion } from '../completions/store.ts';
import { isThenable } from '../util/is-thenable.ts';
import { isRefusal } from './answers.ts';
import { type Ended, endedIn, endedWith } from './once-ended.ts';
import { type Caller, deserted, OnceWork, refusals, storeUnreachable } from './once-work.ts';
import { late } from './store-guard.ts';

const firstRetryMs = 100;
const lastRetryMs = 10_000;

/** Durable begin, then the handler, then durable end, then the answer. */
export class RecordedWork extends OnceWork {
  protected async attempt(): Promise<boolean> {
    const request = this.request();
    const begun = await this.#begin(request);
    switch (begun?.state) {
      case undefined:
        return false;
      case 'new':
        await this.#run(request);
        return false;
      case 'running':
        if (begun.owner !== this.context.owner) return true;
        // It is not among what this server does, nor among what never ran for want of an answer.
        this.#lost('its record was lost when it ended');
        return false;
      case 'done':
        this.context.onEnd(this);
        this.complete(begun.completion);
        return false;
      case 'lost':
        this.#lost('the server that had begun it is gone');
        return false;
      case 'mismatch':
      case 'full':
        this.context.onEnd(this);
        this.refuse(refusals[begun.state]);
        return false;
    }
  }

  #lost(why: string): void {
    this.context.onEnd(this);
    this.leaveUnknown(why);
  }

  /** What the store says; undefined when it says nothing in time, and everybody was told so. */
  async #begin(request: BeginRequest): Promise<Begun | undefined> {
    const { store, guard, doubts } = this.context;
    let answer: Promise<Begun> | undefined;
    try {
      const given = store.begin(request);
      if (!isThenable(given)) return given;
      answer = Promise.resolve(given);
      const begun = await guard.within(answer);
      if (begun !== late) {
        doubts.delete(this.key);
        return begun;
      }
    } catch (error) {
      doubts.add(this.key);
      this.context.onEnd(this);
      this.unreachable(error);
      return undefined;
    }
    this.overdue();
    this.unreachable(new Error(`Completion store: no answer within ${guard.timeoutMs} ms`));
    await this.#afterwards(request, answer);
    return undefined;
  }

  /** An answer that comes too late: nothing runs, and the record goes if there is one. */
  async #afterwards(request: BeginRequest, answer: Promise<Begun>): Promise<void> {
    try {
      const { state } = await answer;
      this.context.doubts.delete(this.key);
      if (state === 'new') await this.#settle(request, undefined, () => {});
      else this.context.onEnd(this);
    } catch {
      this.context.doubts.add(this.key);
      this.context.onEnd(this);
    }
  }

  async #run(request: BeginRequest): Promise<void> {
    const leader = this.leader();
    if (leader === undefined) {
      this.refuse(deserted);
      // For whoever joins before the record is gone.
      this.refuse(storeUnreachable);
      await this.#settle(request, undefined, () => {});
      return;
    }
    let ended: Ended;
    try {
      ended = await this.#handle(leader);
    } catch (refusal) {
      const { answers } = this.context;
      const answer = (): void => this.tell((call) => answers.fail(call, refusal));
      await this.#settle(request, undefined, answer);
      return;
    }
    await this.#settle(request, ended.record, () => this.complete(ended.answer));
  }

  /** Rejects only when the handler refuses. */
  async #handle({ call, handle }: Caller): Promise<Ended> {
    const { answers, maxReplyBytes } = this.context;
    try {
      return endedWith(await handle(), maxReplyBytes);
    } catch (error) {
      if (isRefusal(error)) throw error;
      return endedIn(answers.note(call.verb, error), maxReplyBytes);
    }
  }

  /**
   * Has the end recorded, or the record removed, and answers then. A store that fails or takes too
   * long does not keep the answer back; it is tried until it works or the server ends.
   */
  async #settle(
    request: BeginRequest,
    completion: Completion | undefined,
    answer: () => void,
  ): Promise<void> {
    const { guard } = this.context;
    let isAnswered = false;
    const answerOnce = (): void => {
      if (!isAnswered) answer();
      isAnswered = true;
    };
    for (let waitMs = firstRetryMs; ; waitMs = Math.min(2 * waitMs, lastRetryMs)) {
      try {
        await this.#note(request, completion, answerOnce);
        this.context.onEnd(this);
        answerOnce();
        return;
      } catch (error) {
        this.overdue();
        this.report(error);
        answerOnce();
        // The key is in the store's keeping, but nothing has run under it.
        if (completion === undefined) this.refuse(storeUnreachable);
      }
      await guard.pause(waitMs);
      if (guard.isStopped) {
        this.context.onEnd(this);
        return;
      }
    }
  }

  /** @param onLate called when the store takes too long */
  async #note(
    request: BeginRequest,
    completion: Completion | undefined,
    onLate: () => void,
  ): Promise<void> {
    const { store, guard } = this.context;
    const kept = this.upToDate(request);
    const noted = completion === undefined ? store.abandon(kept) : store.finish(kept, completion);
    if (!isThenable(noted)) return;
    const done = Promise.resolve(noted);
    if ((await guard.within(done)) !== late) return;
    this.overdue();
    this.report(new Error(`Completion store: no answer within ${guard.timeoutMs} ms`));
    onLate();
    await done;
  }
}
