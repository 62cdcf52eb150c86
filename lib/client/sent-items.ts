import { HoldfastError } from '../errors.ts';
import { type ItemCheck, type ItemIterable, isItemIterable } from '../streams/item-source.ts';
import { show } from '../util/check.ts';
import { describeIssues } from '../verbs/schema.ts';
import type { VerbUse } from './verb-use.ts';

/**
 * What a factory has made.
 *
 * @throws HoldfastError `ERR_HOLDFAST_INPUT` when that is nothing that can be iterated
 */
export function madeItems(made: unknown, { name }: VerbUse): ItemIterable<unknown> {
  if (isItemIterable(made)) return made;
  throw inputError(name, `items must be something that can be iterated, got ${show(made)}`);
}

/** Holds each item to the verb's schema before it is sent, if there is one. */
export function sentCheck({ name, sent }: VerbUse): ItemCheck | undefined {
  if (sent === undefined) return undefined;
  return async (item) => {
    const { issues } = await sent['~standard'].validate(item);
    if (issues === undefined) return item;
    throw inputError(name, `an item is wrong: ${describeIssues(issues)}`);
  };
}

function inputError(verb: string, why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_INPUT', why, { verb, final: true });
}
