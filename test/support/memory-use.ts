import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes that this process holds, garbage not counted: the heap and the buffers beside it. */
export function heldBytes(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/**
 * The same with sockets: what one held is let go some turns of the loop after its end, and memory
 * beside the heap some collections later: with more than `enough` it looks again.
 */
export async function settledBytes(enough = Number.POSITIVE_INFINITY): Promise<number> {
  let held = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 2 || (round < 12 && held > enough); round++) {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    held = Math.min(held, heldBytes());
  }
  return held;
}

/** How many more bytes the process holds than at a moment. */
export class MemoryWatch {
  readonly #before: number;

  private constructor(before: number) {
    this.#before = before;
  }

  static async start(): Promise<MemoryWatch> {
    return new MemoryWatch(await settledBytes());
  }

  /** Looks until no more than `bound` is left, or what is left does not go. */
  async grownBytes(bound = 0): Promise<number> {
    return (await settledBytes(this.#before + bound)) - this.#before;
  }
}
