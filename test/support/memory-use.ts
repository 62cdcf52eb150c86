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

/** How many more bytes the process holds since a moment, at the worst. */
export class MemoryWatch {
  readonly #before = heldBytes();
  #peak = 0;

  /** Looks now; call it at the moments that matter. */
  look(): number {
    this.#peak = Math.max(this.#peak, heldBytes() - this.#before);
    return this.#peak;
  }
}
