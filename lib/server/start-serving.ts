import { toListeners } from '../media/listeners.ts';
import type { Verbs } from '../verbs/verb.ts';
import { withRoutes } from './exposed-routes.ts';
import { type Handlers, pairHandlers } from './handlers.ts';
import { resolveServerOptions, type ServerOptions } from './options.ts';
import { Server } from './server.ts';

/** What `serve` does, for those who have all of the server loaded. */
export async function startServing<V extends Verbs>(
  verbs: V,
  handlers: Handlers<V>,
  options: ServerOptions,
): Promise<Server> {
  const resolved = resolveServerOptions(options);
  const listeners = toListeners(resolved.listen);
  const paired = pairHandlers(verbs, handlers as Readonly<Record<string, unknown>>);
  const served = resolved.exposeRoutes ? withRoutes(paired, () => server) : paired;
  const server: Server = new Server(served, resolved);
  await server.listen(listeners);
  return server;
}
