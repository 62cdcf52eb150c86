import { isDeepStrictEqual } from 'node:util';
import type { Safety } from '../../verbs/safety.ts';

/** How one call of a handler ended. */
export type Ending =
  | { readonly isGood: true; readonly value: unknown }
  | { readonly isGood: false; readonly error: unknown };

/** The way in which a call was repeated. */
export type Way = 'alone' | 'again' | 'later' | 'together';

/** What was seen of a call and its repeat. */
export interface Observation {
  readonly way: Way;
  /** How the first copy ends where it is the only one. */
  readonly first: Ending;
  /** How the repeat ended; undefined for `alone`. */
  readonly repeat: Ending | undefined;
  /** The state that was left. */
  readonly actual: unknown;
  /** States that might have been left; by name, for the report. */
  readonly allowed: readonly AllowedState[];
}

/** A state that one execution leaves. */
export interface AllowedState {
  readonly name: string;
  readonly state: unknown;
}

/** Ways in which the promise of a class is tried; of `once` and `mutate` nothing is promised. */
export const waysOf: Readonly<Record<Safety, readonly Way[]>> = {
  read: ['alone'],
  idempotent: ['again', 'later', 'together'],
  semi: ['again', 'later', 'together'],
  once: [],
  mutate: [],
};

const problems: Readonly<Record<Way, string>> = {
  alone: 'it changes the state',
  again: 'a repeat changes the state',
  later: 'a repeat behind another call leaves a state that no order of the two calls leaves',
  together: 'two copies at the same time leave another state than one',
};

/** What is wrong with a verb of this class that behaves so; undefined when nothing is. */
export function judge(safety: Safety, observation: Observation): string | undefined {
  const { way, first, repeat, actual, allowed } = observation;
  // What fails is not sent again: its caller is told.
  if (way !== 'alone' && !first.isGood) return undefined;
  if (!allowed.some(({ state }) => isDeepStrictEqual(state, actual))) return problems[way];
  if (safety === 'idempotent' && way === 'again' && repeat?.isGood === false) {
    return 'a repeat fails although the first succeeded';
  }
  return undefined;
}

/** True when a repeat succeeds and answers something else. */
export function answersDiffer({ way, first, repeat }: Observation): boolean {
  if (way !== 'again' || !first.isGood || repeat?.isGood !== true) return false;
  return !isDeepStrictEqual(first.value, repeat.value);
}
