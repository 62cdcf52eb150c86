import type { Client } from '../client/client.ts';
import type { CallContext } from '../server/call-context.ts';
import type { Server } from '../server/server.ts';
import type * as channels from './channels.ts';

/**
 * A call of a client, as `holdfast:client:call:start`, `:error` and `:end` tell of it. All three get
 * the same object. `start` comes within the caller's own turn, `end` when the call has settled, and
 * `error` before that if it failed.
 */
export type ClientCallMessage = channels.ClientCallMessage<Client>;

/** `holdfast:client:attempt`: an attempt has ended, or it was decided anew what follows from it. */
export type ClientAttemptMessage = channels.ClientAttemptMessage<Client>;

/** `holdfast:client:link:up`, and `:down` when it is lost or closed. */
export type ClientLinkMessage = channels.ClientLinkMessage<Client>;

/**
 * A call at a server, as `holdfast:server:call:start`, `:error` and `:end` tell of it. All three get
 * the same object. Calls that are refused before their handler's turn have no `start`: for them
 * there is `holdfast:server:refusal`.
 */
export type ServerCallMessage = channels.ServerCallMessage<Server, CallContext>;

/** `holdfast:server:refusal`: a call came that is not run. */
export type ServerRefusalMessage = channels.ServerRefusalMessage<Server>;
