import type { Verbs } from '../verbs/verb.ts';
import type { Handlers } from './handlers.ts';
import type { ServerOptions } from './options.ts';
import type { Server } from './server.ts';

/**
 * Serves a registry's verbs. Resolves when the server listens at every address.
 *
 * Rejects with `ERR_HOLDFAST_OPTION`, `ERR_HOLDFAST_URL`, `ERR_HOLDFAST_REGISTRY`, or
 * `ERR_HOLDFAST_LISTEN` when an address cannot be used.
 */
export async function serve<V extends Verbs>(
  verbs: V,
  handlers: Handlers<V>,
  options: ServerOptions,
): Promise<Server> {
  // A process that only calls does not need all that serves.
  const { startServing } = await import('./start-serving.ts');
  return startServing(verbs, handlers, options);
}
