import { type Channel, channel } from 'node:diagnostics_channel';
import type { AttemptRecord } from '../errors.ts';
import type { Peer } from '../media/medium.ts';

/**
 * A call of a client, as `holdfast:client:call:start`, `:error` and `:end` tell of it. All three get
 * the same object. `start` comes within the caller's own turn, `end` when the call has settled, and
 * `error` before that if it failed.
 */
export interface ClientCallMessage<Client = object> {
  readonly client: Client;
  readonly verb: string;
  /** Grows from attempt to attempt. */
  readonly attempts: readonly AttemptRecord[];
  /** Set at the end. */
  durationMs?: number;
  /** Set when the call has failed. */
  error?: unknown;
}

/** `holdfast:client:attempt`: an attempt has ended, or it was decided anew what follows from it. */
export interface ClientAttemptMessage<Client = object> {
  readonly client: Client;
  readonly verb: string;
  /** What the call's own events were given. */
  readonly call: ClientCallMessage<Client>;
  readonly attempt: AttemptRecord;
}

/** `holdfast:client:link:up`, and `:down` when it is lost or closed. */
export interface ClientLinkMessage<Client = object> {
  readonly client: Client;
  /** Which connection, as in the attempts of an error. */
  readonly link: string;
  /** With `down`: why; undefined after an orderly end. */
  readonly reason?: Error | undefined;
}

/** How a call ended at the server. */
export type ServedResult =
  /** Answered with the handler's output. */
  | 'reply'
  /** The handler failed, or its output cannot travel. */
  | 'error'
  /** The call was not run. */
  | 'refused'
  /** Nobody can tell whether the call ran. */
  | 'unknown'
  /** Nobody waits for the answer any more; the handler may go on. */
  | 'cancelled';

/** What is told of a call in any case. */
export interface ObservedCall {
  readonly attempt: number;
  readonly peer: Peer;
}

/**
 * A call at a server, as `holdfast:server:call:start`, `:error` and `:end` tell of it. All three get
 * the same object. Calls that are refused before their handler's turn have no `start`: for them
 * there is `holdfast:server:refusal`.
 */
export interface ServerCallMessage<Server = object, Call = ObservedCall> {
  readonly server: Server;
  readonly verb: string;
  /** As the handler is given it. */
  readonly call: Call;
  /** Set at the end. */
  result?: ServedResult;
  durationMs?: number;
  /** Set when the result is not `reply`: what was thrown, or an object with `code` and `message`. */
  error?: unknown;
}

/** `holdfast:server:refusal`: a call came that is not run. */
export interface ServerRefusalMessage<Server = object> {
  readonly server: Server;
  /** Undefined when the server has no such verb. */
  readonly verb: string | undefined;
  readonly error: { readonly code: string; readonly message: string };
}

/** The channels of `node:diagnostics_channel` that this package publishes on. */
export const channels: Readonly<
  Record<
    | 'clientCallStart'
    | 'clientCallError'
    | 'clientCallEnd'
    | 'clientAttempt'
    | 'clientLinkUp'
    | 'clientLinkDown'
    | 'serverCallStart'
    | 'serverCallError'
    | 'serverCallEnd'
    | 'serverRefusal',
    Channel
  >
> = {
  clientCallStart: channel('holdfast:client:call:start'),
  clientCallError: channel('holdfast:client:call:error'),
  clientCallEnd: channel('holdfast:client:call:end'),
  clientAttempt: channel('holdfast:client:attempt'),
  clientLinkUp: channel('holdfast:client:link:up'),
  clientLinkDown: channel('holdfast:client:link:down'),
  serverCallStart: channel('holdfast:server:call:start'),
  serverCallError: channel('holdfast:server:call:error'),
  serverCallEnd: channel('holdfast:server:call:end'),
  serverRefusal: channel('holdfast:server:refusal'),
};

const { clientCallStart, clientCallError, clientCallEnd, clientAttempt } = channels;
const { serverCallStart, serverCallError, serverCallEnd } = channels;

/** True when somebody listens to what becomes of clients' calls. */
export function areClientCallsHeard(): boolean {
  return (
    clientCallStart.hasSubscribers ||
    clientCallEnd.hasSubscribers ||
    clientCallError.hasSubscribers ||
    clientAttempt.hasSubscribers
  );
}

/** True when somebody listens to what becomes of servers' calls. */
export function areServerCallsHeard(): boolean {
  return (
    serverCallStart.hasSubscribers || serverCallEnd.hasSubscribers || serverCallError.hasSubscribers
  );
}
