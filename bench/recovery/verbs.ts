import { defineVerbs, mutate, read } from 'holdfast';

/** Each takes the number of the round and answers with the time of the cut, see `nowUs`. */
export const verbs = defineVerbs({
  touch: read<number, number>(),
  read: read<number, number>(),
  mutate: mutate<number, number>(),
});

/** The verbs' numbers at the floor. */
export const floorVerbs = { touch: 0, recover: 1 } as const;
