import { createHash } from 'node:crypto';
import type { Completion, CompletionStore } from '../completions/store.ts';
import { ValueForm } from '../protocols/holdfast/frames.ts';
import type { ArrivedCall } from '../protocols/holdfast/server-wire.ts';
import { packValue, unpackValue } from '../protocols/holdfast/values.ts';
import { type Answers, busy, hopeless, isRefusal } from './answers.ts';
import type { ServerCall } from './server-call.ts';

/** Runs `once` calls: at most once for each key; repeats get the record, or wait for it. */
export class OnceRunner {
  readonly #store: CompletionStore;
  readonly #answers: Answers;
  /** Those who wait for a call that runs already, by its key. */
  readonly #waiters = new Map<string, ServerCall[]>();

  constructor(store: CompletionStore, answers: Answers) {
    this.#store = store;
    this.#answers = answers;
  }

  /**
   * @param call its key is the record's
   * @param fingerprint tells a repeat from another call under the same key
   * @param keepMs how long the record must be kept at least
   * @param run the handler, with its output checked
   */
  async run(
    call: ServerCall,
    fingerprint: string,
    keepMs: number,
    run: () => unknown,
  ): Promise<void> {
    const key = call.key as string;
    const begun = await this.#store.begin(key, fingerprint, keepMs);
    switch (begun.state) {
      case 'new':
        await this.#runNew(key, call, run);
        return;
      case 'running':
        this.#wait(key, call);
        return;
      case 'done':
        this.#complete(call, begun.completion);
        return;
      case 'mismatch':
        this.#answers.refuse(
          call,
          hopeless('ERR_HOLDFAST_KEY_REUSED', `the key was used before with another input`),
        );
        return;
      case 'full':
        this.#answers.refuse(
          call,
          busy('ERR_HOLDFAST_REFUSED', 'the server cannot record another "once" call now'),
        );
    }
  }

  async #runNew(key: string, call: ServerCall, run: () => unknown): Promise<void> {
    let completion: Completion;
    try {
      completion = completionOf(await run());
    } catch (error) {
      if (isRefusal(error)) {
        await this.#store.abandon(key);
        for (const waiter of this.#released(key, call)) this.#answers.fail(waiter, error);
        return;
      }
      completion = { kind: 'error', failure: this.#answers.note(call.verb, error) };
    }
    await this.#store.finish(key, completion);
    for (const waiter of this.#released(key, call)) this.#complete(waiter, completion);
  }

  #wait(key: string, call: ServerCall): void {
    const others = this.#waiters.get(key);
    if (others === undefined) this.#waiters.set(key, [call]);
    else others.push(call);
  }

  #released(key: string, call: ServerCall): ServerCall[] {
    const waiters = this.#waiters.get(key) ?? [];
    this.#waiters.delete(key);
    return [call, ...waiters];
  }

  #complete(call: ServerCall, completion: Completion): void {
    if (completion.kind === 'error') this.#answers.error(call, completion.failure);
    else this.#answers.reply(call, outputOf(completion));
  }
}

function completionOf(output: unknown): Completion {
  if (output === undefined) return { kind: 'reply', value: undefined, isBytes: false };
  const isBytes = output instanceof Uint8Array;
  // A copy: the handler may go on using what it returned.
  return { kind: 'reply', value: isBytes ? Buffer.from(output) : packValue(output), isBytes };
}

function outputOf({ value, isBytes }: Completion & { kind: 'reply' }): unknown {
  if (value === undefined || isBytes) return value;
  return unpackValue(ValueForm.msgpack, value as Buffer, 0, value.length, false);
}

/** What tells a repeat from another call under the same key. */
export function fingerprintOf(verb: string, arrived: ArrivedCall): string {
  const { form, buffer, valueStart, valueEnd } = arrived;
  const hash = createHash('sha256').update(`${verb}\0${form}\0`);
  return hash.update(buffer.subarray(valueStart, valueEnd)).digest('base64');
}
