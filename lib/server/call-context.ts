import type { CallsWithin, Client } from '../client/client.ts';
import type { Peer } from '../media/medium.ts';
import type { Verbs } from '../verbs/verb.ts';
import type { Principal } from './principal.ts';

/** What a handler is told of the call that it serves. */
export interface CallContext {
  /** The verb's name. */
  readonly verb: string;
  /** Counts from 1; above 1 the client has sent the call before. */
  readonly attempt: number;
  /**
   * True when another copy of the call, or of one for whose sake it is made, may have run: somebody
   * tries again already.
   */
  readonly isReplay: boolean;
  /** What is left of the caller's deadline, in ms; `Infinity` for a stream that has none. */
  readonly remainingMs: number;
  /** Aborts when the caller gives up, the connection is lost for good, or the server closes. */
  readonly signal: AbortSignal;
  /** For `once`: the key under which the call is recorded; otherwise the caller's, if any. */
  readonly key: string | undefined;
  /** What the server's `authenticate` returned; undefined without it. */
  readonly principal: Principal | undefined;
  /** Where the call came from. */
  readonly peer: Peer;
  /**
   * The same client, for calls that this one needs: they get no more time than is left of this one,
   * are cancelled with it, and are tried again at one layer only. A replay makes them once; and what
   * fails here after it was tried again is not tried again above.
   */
  readonly client: <V extends Verbs>(inner: Client<V>) => CallsWithin<V>;
}
