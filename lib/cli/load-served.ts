import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { codeOf, HoldfastError, messageOf } from '../errors.ts';
import type { Handlers } from '../server/handlers.ts';
import type { ServerOptions } from '../server/options.ts';
import { optionError } from '../util/check.ts';
import { suggestion } from '../util/nearest.ts';
import { registryError } from '../verbs/registry-error.ts';
import type { Verbs } from '../verbs/verb.ts';

/** What a module gives to serve. */
export interface Served {
  readonly verbs: Verbs;
  readonly handlers: Handlers<Verbs>;
  readonly options: Partial<ServerOptions>;
}

/**
 * Loads a module that exports `verbs` and `handlers`, and perhaps `options`, by name or as default.
 *
 * @throws HoldfastError `ERR_HOLDFAST_OPTION`, `ERR_HOLDFAST_REGISTRY`
 */
export async function loadServed(path: string): Promise<Served> {
  const file = resolve(path);
  if (!existsSync(file)) throw optionError(`There is no module ${path}`);
  let exported: Record<string, unknown>;
  try {
    exported = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    throw loadError(path, error);
  }
  const all = { ...(exported['default'] as object | undefined), ...exported };
  const { verbs, handlers, options = {} } = all as Record<string, unknown>;
  const wrong = Object.entries({ verbs, handlers, options }).find(
    ([, value]) => typeof value !== 'object' || value === null,
  );
  if (wrong !== undefined) {
    const near = suggestion(wrong[0], Object.keys(all));
    throw registryError(`${path} must export "${wrong[0]}"${near}`);
  }
  return { verbs, handlers, options } as Served;
}

function loadError(path: string, error: unknown): Error {
  if (codeOf(error) === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?ts$/.test(path)) {
    return registryError(
      `Cannot load ${path}: this Node.js does not run TypeScript by itself; set NODE_OPTIONS="--import tsx", or compile it`,
    );
  }
  const message = `Cannot load ${path}: ${messageOf(error)}`;
  return new HoldfastError('ERR_HOLDFAST_REGISTRY', message, { cause: error, final: true });
}
