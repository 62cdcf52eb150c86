import type { Handlers } from '../server/handlers.ts';
import type { ServerOptions } from '../server/options.ts';
import type { Server } from '../server/server.ts';
import type { Verbs } from '../verbs/verb.ts';
import { handOverParts } from './parts.ts';

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
  const [{ startServing }] = await Promise.all([
    import('../server/start-serving.ts'),
    handOverParts(),
  ]);
  return startServing(verbs, handlers, options);
}
