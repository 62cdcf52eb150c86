import type { Medium } from '../media/medium.ts';
import type { Verbs } from '../verbs/verb.ts';
import { Client } from './client.ts';
import type { ClientOptions } from './options.ts';

/** Where a client connects to: a URL, a medium, or several of them to choose from. */
export type Target = string | Medium | readonly (string | Medium)[];

/** A client that takes the server's table of verbs; use `client.invoke`. */
export function connect(
  target: Target,
  verbs?: undefined,
  options?: ClientOptions,
): Client<Record<never, never>>;
/**
 * Makes a client. It returns at once and dials at the first call.
 *
 * @throws HoldfastError `ERR_HOLDFAST_URL`, `ERR_HOLDFAST_OPTION`
 */
export function connect<V extends Verbs>(
  target: Target,
  verbs: V,
  options?: ClientOptions<NoInfer<V>>,
): Client<V>;
export function connect<V extends Verbs>(
  target: Target,
  verbs?: V,
  options?: ClientOptions<NoInfer<V>>,
): Client<V> {
  return new Client<V>(target, verbs, options);
}
