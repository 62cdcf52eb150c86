import type { Client } from 'holdfast';
import { between } from '../demo/random.ts';
import type { Calls } from './calls.ts';
import type { Step, verbs, Work } from './verbs.ts';

const unary = ['read', 'idempotent', 'semi', 'once', 'mutate'] as const;

/** Which verbs are called how often. */
const mix = [
  ...unary,
  ...unary,
  ...unary,
  ...unary,
  'mutate',
  'mutate',
  'once',
  'watch',
  'upload',
  'chat',
] as const;

const timeouts = [600, 4_000, 8_000, 15_000, 15_000] as const;
const streamTimeoutMs = 40_000;
/** More calls of one client than this are not begun. */
const maxPending = 24;

/** Makes calls of all kinds with one client, now and then, until it is told to stop. */
export class Worker {
  readonly #client: Client<typeof verbs>;
  readonly #name: string;
  readonly #calls: Calls;
  readonly #random: () => number;
  readonly #pauseMs: number;
  readonly #pending = new Set<Promise<void>>();
  #number = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    client: Client<typeof verbs>,
    name: string,
    calls: Calls,
    random: () => number,
    pauseMs: number,
  ) {
    this.#client = client;
    this.#name = name;
    this.#calls = calls;
    this.#random = random;
    this.#pauseMs = pauseMs;
  }

  start(): void {
    // Of exponential length, so that calls come singly, in clusters, and after idle times.
    const pauseMs = -Math.log(1 - this.#random()) * this.#pauseMs;
    this.#timer = setTimeout(() => {
      if (this.#pending.size < maxPending) this.one();
      this.start();
    }, pauseMs);
  }

  /** Begins no more calls; resolves when those that were begun have settled. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await Promise.all(this.#pending);
  }

  /** Begins a call. */
  one(): void {
    const made = this.#make();
    this.#pending.add(made);
    void made.finally(() => this.#pending.delete(made));
  }

  #make(): Promise<void> {
    const verb = this.#pick(mix);
    const id = `${this.#name}-${++this.#number}`;
    switch (verb) {
      case 'watch':
        return this.#watch(id);
      case 'upload':
        return this.#upload(id);
      case 'chat':
        return this.#chat(id);
      case 'read':
      case 'idempotent':
      case 'semi':
      case 'once':
      case 'mutate':
        return this.#call(verb, id);
    }
  }

  #call(verb: (typeof unary)[number], id: string): Promise<void> {
    const timeoutMs = this.#pick(timeouts);
    const work = this.#work(id);
    const abortMs = this.#random() < 0.05 ? between(this.#random, 0, 2_000) : undefined;
    return this.#calls.watch(verb, id, Math.min(timeoutMs, abortMs ?? timeoutMs), async () => {
      const stop = new AbortController();
      const timer = abortMs === undefined ? undefined : setTimeout(() => stop.abort(), abortMs);
      try {
        const done = await this.#client.call[verb](work, { timeoutMs, signal: stop.signal });
        if (done.id !== id) return `got the reply of ${done.id}`;
        const got = done.bytes?.length ?? 0;
        const gave = work.bytes?.length ?? 0;
        return got === gave ? undefined : `got ${got} bytes in place of ${gave}`;
      } finally {
        clearTimeout(timer);
      }
    });
  }

  #work(id: string): Work {
    const chance = this.#random();
    const ms = chance < 0.6 ? 0 : between(this.#random, 1, chance < 0.95 ? 300 : 5_000);
    const what = this.#random();
    if (what < 0.04) return { id, ms, fail: 'throw' };
    if (what < 0.08) return { id, ms, fail: 'refuse' };
    if (what > 0.25) return { id, ms };
    const longest = what < 0.1 ? 300_000 : 5_000;
    return { id, ms, bytes: Buffer.alloc(between(this.#random, 1, longest)) };
  }

  #watch(id: string): Promise<void> {
    const count = between(this.#random, 1, 60);
    const pauseMs = between(this.#random, 1, 100);
    const untilN = this.#random() < 0.15 ? between(this.#random, 0, count) : count;
    return this.#calls.watch('watch', id, streamTimeoutMs, async () => {
      const input = { id, from: 0, count, pauseMs };
      const items = this.#client.call.watch(input, { timeoutMs: streamTimeoutMs });
      return await inOrder(items, id, count, untilN);
    });
  }

  #upload(id: string): Promise<void> {
    const count = between(this.#random, 0, 60);
    return this.#calls.watch('upload', id, streamTimeoutMs, async () => {
      const steps = this.#steps(id, count);
      const options = { timeoutMs: streamTimeoutMs };
      const arrived = await this.#client.call.upload({ id }, steps, options);
      return arrived === count ? undefined : `${arrived} items in place of ${count}`;
    });
  }

  #chat(id: string): Promise<void> {
    const count = between(this.#random, 0, 40);
    return this.#calls.watch('chat', id, streamTimeoutMs, async () => {
      const steps = this.#steps(id, count);
      const items = this.#client.call.chat({ id }, steps, { timeoutMs: streamTimeoutMs });
      return await inOrder(items, id, count, count);
    });
  }

  async *#steps(id: string, count: number): AsyncGenerator<Step> {
    for (let n = 0; n < count; n++) {
      const bytes = Buffer.alloc(between(this.#random, 0, 8_000));
      yield { id, n, bytes };
      const pauseMs = between(this.#random, 0, 60);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  #pick<T>(from: readonly T[]): T {
    return from[between(this.#random, 0, from.length - 1)] as T;
  }
}

/** What is wrong with the items of a stream, which is left early where there are more than wanted. */
async function inOrder(
  items: AsyncIterable<Step>,
  id: string,
  count: number,
  untilN: number,
): Promise<string | undefined> {
  let next = 0;
  for await (const item of items) {
    if (item.id !== id || item.n !== next) return `got ${item.id} ${item.n} in place of ${next}`;
    next++;
    if (untilN < count && next > untilN) return undefined;
  }
  return next === count ? undefined : `ended after ${next} items of ${count}`;
}
