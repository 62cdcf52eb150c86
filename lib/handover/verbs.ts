import type { PassedRecord } from '../completions/memory.ts';
import type { BeginRequest, Begun, Completion } from '../completions/store.ts';
import type { Answer, Estate, Farewell } from '../server/predecessor.ts';
import { defineVerbs, mutate, read } from '../verbs/define.ts';
import type { Verb } from '../verbs/verb.ts';

/** Which call of which session. */
export interface CallPlace {
  readonly session: string;
  readonly number: number;
}

/**
 * The way in which all this is said. Whoever changes what {@link HandOverVerbs} take or give, or what
 * it means, takes the next number.
 */
export const handOverFormat = 1;

/** What a successor asks of its predecessor: the methods of {@link Predecessor}. */
export type HandOverVerbs = {
  /** It says by which format it takes over. */
  readonly ready: Verb<'mutate', number, Farewell>;
  readonly claim: Verb<'mutate', string, Estate | null>;
  readonly answer: Verb<'read', CallPlace, Answer | null>;
  readonly cancel: Verb<'mutate', CallPlace, void>;
  readonly rest: Verb<'mutate', void, Estate[]>;
  readonly begin: Verb<'mutate', BeginRequest, Begun>;
  readonly finish: Verb<'mutate', { request: BeginRequest; completion: Completion }, void>;
  readonly abandon: Verb<'mutate', BeginRequest, void>;
  /** Some of them, when all is done; empty when these were the last. */
  readonly takeRecords: Verb<'mutate', void, readonly PassedRecord[]>;
};

/** As long as a timer can be: what is waited for ends with the connection. */
const forEver = { timeoutMs: 2 ** 31 - 1 };

/** How long the predecessor may take for what it can do at once. */
const atOnce = { timeoutMs: 5_000 };

export const handOverVerbs: HandOverVerbs = defineVerbs({
  ready: mutate<number, Farewell>(atOnce),
  claim: mutate<string, Estate | null>(atOnce),
  answer: read<CallPlace, Answer | null>(forEver),
  cancel: mutate<CallPlace, void>(atOnce),
  rest: mutate<void, Estate[]>(forEver),
  begin: mutate<BeginRequest, Begun>(atOnce),
  finish: mutate<{ request: BeginRequest; completion: Completion }, void>(atOnce),
  abandon: mutate<BeginRequest, void>(atOnce),
  takeRecords: mutate<void, readonly PassedRecord[]>(atOnce),
});

/** Sessions travel with all their answers. */
export const handOverFrameBytes: number = 1024 * 1024 * 1024;
