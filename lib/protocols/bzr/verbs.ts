import { defineVerbs, idempotent, mutate, read, semi, type VerbMaker } from '../../verbs/define.ts';
import type { Safety } from '../../verbs/safety.ts';
import { tableOf, type VerbRow } from '../../verbs/table.ts';
import type { Verb } from '../../verbs/verb.ts';
import { type BzrVerb, registered } from './registered.ts';
import type { BzrReply, BzrRequest } from './values.ts';

/**
 * What Bazaar's classes are here. What Bazaar does not send again once it may have run, `semivfs` and
 * `stream`, is `mutate`: it is sent again only with proof that it did not run.
 */
export const safetyOf = {
  read: 'read',
  idem: 'idempotent',
  semi: 'semi',
  semivfs: 'mutate',
  stream: 'mutate',
  mutate: 'mutate',
} as const;

const makers: Readonly<Record<(typeof safetyOf)[BzrVerb['class']], VerbMaker<Safety>>> = {
  read,
  idempotent,
  semi,
  mutate,
};

/** The type of {@link bzrVerbs}. */
export type BzrVerbs = {
  readonly [Name in keyof typeof registered]: Verb<
    (typeof safetyOf)[(typeof registered)[Name]['class']],
    BzrRequest,
    BzrReply
  >;
};

/** The registry for `connect`: all of Bazaar's verbs, with their classes. */
export const bzrVerbs: BzrVerbs = defineVerbs(
  Object.fromEntries(
    Object.entries(registered).map(([name, verb]) => [name, makers[safetyOf[verb.class]]()]),
  ),
) as unknown as BzrVerbs;

/** The same as a table. */
export const bzrRows: readonly VerbRow[] = tableOf(bzrVerbs);

/** What body the requests of a verb have; undefined for none, and where that is not known. */
export function bodyOf(name: string): BzrVerb['body'] {
  const verbs: Readonly<Record<string, BzrVerb>> = registered;
  return Object.hasOwn(verbs, name) ? verbs[name]?.body : undefined;
}
