import { optionError, show } from '../util/check.ts';
import type { Listener } from './medium.ts';
import { listenerOf } from './url.ts';

/**
 * The listeners that the option `listen` names. Throws `ERR_HOLDFAST_OPTION`, `ERR_HOLDFAST_URL`.
 */
export function toListeners(
  listen: string | Listener | readonly (string | Listener)[],
): Listener[] {
  const listeners = (Array.isArray(listen) ? listen : [listen]).map(toListener);
  if (listeners.length === 0) throw optionError('Option "listen" must name at least one address');
  return listeners;
}

function toListener(listen: string | Listener): Listener {
  if (typeof listen === 'string') return listenerOf(listen);
  if (typeof listen?.listen === 'function') return listen;
  throw optionError(`Option "listen" must be a URL or a listener, got ${show(listen)}`);
}
