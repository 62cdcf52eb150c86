import { HoldfastError } from '../errors.ts';
import type { VerbUse } from './verb-use.ts';

/** The error of an item that is not what it should be. */
export function itemError({ name: verb }: VerbUse, why: string, cause: unknown): HoldfastError {
  const message = `An item of "${verb}" is wrong: ${why}`;
  return new HoldfastError('ERR_HOLDFAST_OUTPUT', message, { verb, outcome: 'executed', cause });
}

/** The end of items that were given up although all had come: the call itself has gone well. */
export function givenUpError(
  { name: verb }: VerbUse,
  why: string,
  cause: unknown,
  counts: object,
): HoldfastError {
  const message = `The items of call "${verb}" were given up: ${why}`;
  const facts = { verb, outcome: 'executed', cause, ...counts } as const;
  return new HoldfastError('ERR_HOLDFAST_ABORTED', message, facts);
}
