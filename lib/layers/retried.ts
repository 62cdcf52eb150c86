import { isHoldfastError } from '../errors.ts';

/** So far down the causes of an error are looked at. */
const maxDepth = 8;

/** True for an error that came of a call which was tried again already, also as its cause. */
export function wasRetried(error: unknown): boolean {
  let at = error;
  try {
    for (let depth = 0; depth < maxDepth && typeof at === 'object' && at !== null; depth++) {
      if (isHoldfastError(at) && at.retried) return true;
      at = (at as { cause?: unknown }).cause;
    }
  } catch {
    // What cannot be read says nothing.
  }
  return false;
}
