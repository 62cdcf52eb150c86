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

/** The same with sockets: what one held is let go some turns of the loop after its end. */
export async function settledBytes(): Promise<number> {
  let held = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 3; round++) {
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

  async grownBytes(): Promise<number> {
    return (await settledBytes()) - this.#before;
  }
}
