import type { Route } from '../observe/routes.ts';
import { read } from '../verbs/define.ts';
import { registryError } from '../verbs/registry-error.ts';
import type { ServedVerb } from './handlers.ts';

/** The verb by which a server tells its figures, where it does. */
export const routesVerb = 'holdfast.routes';

/** What {@link routesVerb} answers. */
export interface RoutesReport {
  /** How many connections there are. */
  readonly connections: number;
  /** As `server.routes()`, without the row of the verb itself. */
  readonly routes: readonly Route[];
}

/** Whose figures are told. */
interface Measured {
  readonly connections: number;
  routes(): readonly Route[];
}

/**
 * The verbs, and the one that tells the server's figures behind them.
 *
 * @throws HoldfastError `ERR_HOLDFAST_REGISTRY` when its name is taken
 */
export function withRoutes(
  served: readonly ServedVerb[],
  serverOf: () => Measured,
): readonly ServedVerb[] {
  if (served.some(({ name }) => name === routesVerb)) {
    throw registryError(`Verb "${routesVerb}" is the server's own with the option "exposeRoutes"`);
  }
  const handler = (): RoutesReport => {
    const server = serverOf();
    const routes = server.routes().filter(({ verb }) => verb !== routesVerb);
    return { connections: server.connections, routes };
  };
  const verb = read<void, RoutesReport>();
  return [...served, { name: routesVerb, verb, handler, isPlain: true, store: undefined }];
}
