import { partsOf } from './parts.ts';

/**
 * Refuses views of memory other than `Uint8Array`, wherever they are in a value. msgpackr would
 * write them as bytes of the right number and the wrong content, part of it left over in memory.
 *
 * @throws Error with the reason
 */
export function refuseViews(value: unknown): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  if (ArrayBuffer.isView(value)) {
    const name = value.constructor.name;
    throw new Error(`a ${name} cannot be encoded: pass its bytes as a Uint8Array`);
  }
  for (const part of partsOf(value)) refuseViews(part);
}
