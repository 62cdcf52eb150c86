import type { Process } from './process.ts';
import type { SimItem } from './verbs.ts';

/** The items of a call, one after the other, with a pause before each. */
export async function* itemsOf(
  process: Process,
  id: number,
  items: number,
  pauseMs: number,
): AsyncGenerator<SimItem, void, undefined> {
  for (let index = 0; index < items; index++) {
    if (pauseMs > 0) await process.sleep(pauseMs);
    yield { id, index };
  }
}

/**
 * Takes items, and needs its time for each; gives their number.
 *
 * @param complain told of an item that is not the next one
 */
export async function take(
  process: Process,
  id: number,
  items: AsyncIterable<SimItem>,
  pauseMs: number,
  complain: (what: string) => void,
): Promise<number> {
  let count = 0;
  for await (const item of items) {
    if (item.id !== id || item.index !== count) {
      const what = `item ${item.index} of call ${item.id}`;
      complain(`${process.name} takes ${what} where ${count} of ${id} should come`);
    }
    count++;
    if (pauseMs > 0) await process.sleep(pauseMs);
  }
  return count;
}
