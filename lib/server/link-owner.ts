import type { HoldfastError } from '../errors.ts';
import type { Peer } from '../media/medium.ts';
import type { ArrivedCall } from '../protocols/holdfast/server-wire.ts';
import type { ServerHello } from '../protocols/protocol.ts';
import type { Heir } from './heir.ts';
import type { ResolvedServerOptions } from './options.ts';
import type { Sessions } from './sessions.ts';

/** Who owns a link at the server. */
export interface ServerLinkOwner<Link> {
  readonly options: ResolvedServerOptions;
  readonly sessions: Sessions;
  /** Takes the sessions of an earlier server over, if there was one. */
  readonly heir: Heir | undefined;
  /** What the server says of itself. */
  readonly hello: ServerHello;
  /** How long a drain still lasts, or undefined when the server does not drain. */
  drainTimeLeftMs(): number | undefined;
  /** A call came; see {@link ArrivedCall}. */
  onCall(link: Link, call: ArrivedCall): void;
  /** What had come was read, and the calls that came with it were given over. */
  onRead(): void;
  /** The client broke the protocol, or a limit of ours. */
  onFault(peer: Peer, error: HoldfastError): void;
  onClosed(link: Link): void;
}
