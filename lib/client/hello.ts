import type { ClientHello } from '../protocols/protocol.ts';
import type { LinkContext } from './link-owner.ts';

/**
 * What a client says on a new connection.
 *
 * @param link which connection of the client it is
 * @param acknowledged the calls below it are settled
 * @param resume the calls whose fate is asked for
 */
export function helloOf<Link>(
  { owner, options, session, tables, codec }: LinkContext<Link>,
  link: number,
  credentials: unknown,
  acknowledged: number,
  resume: readonly number[],
): ClientHello {
  return {
    session,
    link,
    maxFrameBytes: options.maxFrameBytes,
    credentials,
    acknowledged,
    resume,
    alone: owner.isAlone,
    tables: tables.offered,
    streams: codec !== undefined,
  };
}
