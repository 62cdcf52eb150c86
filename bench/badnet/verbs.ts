import { defineVerbs, mutate } from 'holdfast';

/** The one verb: as if the document were taken from a queue, so that it must not be executed twice. */
export const verbs = defineVerbs({ take: mutate<{ readonly number: number }, string>() });
