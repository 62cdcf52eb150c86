import { toListeners } from '../media/listeners.ts';
import type { Verbs } from '../verbs/verb.ts';
import { withRoutes } from './exposed-routes.ts';
import { type Handlers, pairHandlers } from './handlers.ts';
import { resolveServerOptions, type ServerOptions } from './options.ts';
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
  const resolved = resolveServerOptions(options);
  const listeners = toListeners(resolved.listen);
  const paired = pairHandlers(verbs, handlers as Readonly<Record<string, unknown>>);
  // Loaded here: a process that only calls does not need all that serves.
  const { Server } = await import('./server.ts');
  const served = resolved.exposeRoutes ? withRoutes(paired, () => server) : paired;
  const server: Server = new Server(served, resolved);
  await server.listen(listeners);
  return server;
}
