import { HoldfastError } from '../errors.ts';
import type { StreamReceiver } from '../streams/stream-receiver.ts';
import { describeIssues, type StandardSchema } from '../verbs/schema.ts';

/** Checks what a handler gives, as a reply is checked; undefined when there is nothing to check. */
export function checkedItem(
  schema: StandardSchema | undefined,
): ((item: unknown) => Promise<unknown>) | undefined {
  if (schema === undefined) return undefined;
  return async (item) => {
    const result = await schema['~standard'].validate(item);
    if (result.issues === undefined) return item;
    const message = `An item does not satisfy the items schema: ${describeIssues(result.issues)}`;
    throw new HoldfastError('ERR_HOLDFAST_OUTPUT', message, { outcome: 'executed' });
  };
}

/** What a handler gets of what its client sends: to be gone through once, each item checked. */
export function itemsOf(
  receiver: StreamReceiver,
  schema: StandardSchema | undefined,
  verb: string,
): AsyncIterable<unknown> {
  let isTaken = false;
  return {
    [Symbol.asyncIterator]: () => {
      if (isTaken) throw new TypeError(`The items of call "${verb}" can be gone through only once`);
      isTaken = true;
      return schema === undefined ? receiver : checked(receiver, schema);
    },
  };
}

function checked(receiver: StreamReceiver, schema: StandardSchema): AsyncIterator<unknown> {
  return {
    next: async () => {
      const result = await receiver.next();
      if (result.done === true) return result;
      const checkedItem = await schema['~standard'].validate(result.value);
      if (checkedItem.issues === undefined) return { done: false, value: checkedItem.value };
      await receiver.return();
      const why = describeIssues(checkedItem.issues);
      throw new HoldfastError('ERR_HOLDFAST_INPUT', `An item that came is wrong: ${why}`);
    },
    return: () => receiver.return(),
  };
}
