import type { Answer, Estate } from '../server/predecessor.ts';
import { defineVerbs, mutate, read, type Verb } from '../verbs/define.ts';

/** Which call of which session. */
export interface CallPlace {
  readonly session: string;
  readonly number: number;
}

/** What a successor asks of its predecessor: the methods of {@link Predecessor}. */
export type HandOverVerbs = {
  readonly ready: Verb<'mutate', void, string[]>;
  readonly claim: Verb<'mutate', string, Estate | null>;
  readonly answer: Verb<'read', CallPlace, Answer | null>;
  readonly cancel: Verb<'mutate', CallPlace, void>;
  readonly rest: Verb<'mutate', void, Estate[]>;
};

/** As long as a timer can be: what is waited for ends with the connection. */
const forEver = { timeoutMs: 2 ** 31 - 1 };

/** How long the predecessor may take for what it can do at once. */
const atOnce = { timeoutMs: 5_000 };

export const handOverVerbs: HandOverVerbs = defineVerbs({
  ready: mutate<void, string[]>(atOnce),
  claim: mutate<string, Estate | null>(atOnce),
  answer: read<CallPlace, Answer | null>(forEver),
  cancel: mutate<CallPlace, void>(atOnce),
  rest: mutate<void, Estate[]>(forEver),
});

/** Sessions travel with all their answers. */
export const handOverFrameBytes: number = 1024 * 1024 * 1024;
