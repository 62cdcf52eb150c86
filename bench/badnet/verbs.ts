import { defineVerbs, mutate, read } from 'holdfast';

export const verbs = defineVerbs({
  /** As if the document were taken from a queue, so that it must not be executed twice. */
  take: mutate<{ readonly number: number }, string>(),
  look: read<{ readonly number: number }, string>(),
});
