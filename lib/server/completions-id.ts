import { createHash } from 'node:crypto';
import type { CompletionStore } from '../completions/store.ts';
import type { ServedVerb } from './handlers.ts';

/**
 * Names the records of all `once` verbs of a server: by its store's id, or, when handlers have
 * stores of their own, by what those of all verbs have. Two servers with the same have them all in
 * common.
 */
export function completionsIdOf(served: readonly ServedVerb[], store: CompletionStore): string {
  const onces = served.filter(({ verb }) => verb.safety === 'once');
  const own = onces.filter((each) => each.store !== undefined && each.store.id !== store.id);
  if (own.length === 0) return store.id;
  const ids = onces.map((each) => `${each.name}\0${(each.store ?? store).id}`).sort();
  return createHash('sha256').update(ids.join('\0')).digest('base64url');
}
