import { HoldfastError, messageOf } from '../errors.ts';
import type { Peer } from '../media/medium.ts';
import { show } from '../util/check.ts';

/** Who calls: a name, or an object of the application's with an `id` that names it for good. */
export type Principal = string | { readonly id: string };

/**
 * Decides who a client is, from its `credentials` and from what the medium knows of it. It throws,
 * or rejects, when the client is not accepted; the client is told so and does not try again.
 */
export type Authenticate = (credentials: unknown, peer: Peer) => Principal | Promise<Principal>;

/** What names a principal for good: sessions and records belong to it. */
export function principalId(principal: Principal | undefined): string {
  if (principal === undefined) return '';
  return typeof principal === 'string' ? principal : principal.id;
}

/** Runs `authenticate`; rejects with `ERR_HOLDFAST_UNAUTHENTICATED` when it does not accept. */
export async function authenticated(
  authenticate: Authenticate,
  credentials: unknown,
  peer: Peer,
): Promise<Principal> {
  let principal: Principal;
  try {
    principal = await authenticate(credentials, peer);
  } catch (cause) {
    throw new HoldfastError('ERR_HOLDFAST_UNAUTHENTICATED', messageOf(cause), {
      cause,
      final: true,
    });
  }
  const id: unknown = typeof principal === 'string' ? principal : principal?.id;
  if (typeof id === 'string' && id !== '') return principal;
  const message = `authenticate must return a name or an object with an id, got ${show(principal)}`;
  throw new HoldfastError('ERR_HOLDFAST_UNAUTHENTICATED', message, { final: true });
}
