import { isHoldfastError } from '../errors.ts';

/** The errors that {@link transient} was given. */
const marked = new WeakSet<object>();

/**
 * Marks an error that a handler throws: what went wrong will pass, and the call may be made again.
 * `throw transient(new Error('the database restarts'))`. The caller's client sends the call again if
 * its verb may be repeated, for the handler has run. An error with a property `transient: true` of
 * its own counts as marked, unless it is a {@link HoldfastError}: one that the handler got from a
 * call of its own was retried there already.
 */
export function transient<Thrown extends Error>(error: Thrown): Thrown {
  marked.add(error);
  return error;
}

/** True for an error that its handler has marked. */
export function isTransient(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  if (marked.has(error)) return true;
  try {
    return !isHoldfastError(error) && (error as { transient?: unknown }).transient === true;
  } catch {
    return false;
  }
}
