import dns from 'node:dns';
import type { LookupFunction } from 'node:net';

/**
 * Looks a name up for all dials that wait for it at a time. A look-up holds one of the few threads
 * that Node has for such things, and cannot be given up: where several dials race, they must not each
 * have one.
 */
export function sharedLookup(): LookupFunction {
  let waiting: Parameters<LookupFunction>[2][] | undefined;
  return (name, options, callback) => {
    if (waiting !== undefined) {
      waiting.push(callback);
      return;
    }
    const all = [callback];
    waiting = all;
    dns.lookup(name, options, (...found: Parameters<typeof callback>) => {
      waiting = undefined;
      for (const tell of all) tell(...found);
    });
  };
}
