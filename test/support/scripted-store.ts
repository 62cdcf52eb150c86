import type { BeginRequest, Begun, Completion, CompletionStore } from '../../lib/index.ts';

/** A call of a store's method that a test answers. */
export interface StoreCall {
  readonly method: 'begin' | 'finish' | 'abandon';
  readonly request: BeginRequest;
  readonly completion: Completion | undefined;
  /** For `finish` and `abandon` the answer does not matter. */
  answer(begun: Begun): void;
  fail(error: Error): void;
}

/** A store whose answers a test gives, when it likes. */
export class ScriptedStore implements CompletionStore {
  readonly id = 'scripted';
  /** All calls that came, in order. */
  readonly calls: StoreCall[] = [];
  #onCall: () => void = () => {};

  begin(request: BeginRequest): Promise<Begun> {
    return this.#add('begin', request);
  }

  async finish(request: BeginRequest, completion: Completion): Promise<void> {
    await this.#add('finish', request, completion);
  }

  async abandon(request: BeginRequest): Promise<void> {
    await this.#add('abandon', request);
  }

  /** The n-th call of all, from 0, as soon as it comes. */
  async call(at: number, method: StoreCall['method']): Promise<StoreCall> {
    for (;;) {
      const call = this.calls[at];
      if (call !== undefined) {
        if (call.method === method) return call;
        throw new Error(`The store was to ${method}, not to ${call.method}`);
      }
      await new Promise<void>((resolve) => {
        this.#onCall = resolve;
      });
    }
  }

  #add(
    method: StoreCall['method'],
    request: BeginRequest,
    completion?: Completion,
  ): Promise<Begun> {
    return new Promise((answer, fail) => {
      this.calls.push({ method, request, completion, answer, fail });
      this.#onCall();
    });
  }
}
