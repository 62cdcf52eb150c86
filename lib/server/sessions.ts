import { HoldfastError } from '../errors.ts';
import type { Estate } from './predecessor.ts';
import { type Principal, principalId } from './principal.ts';
import type { RunningCall } from './running-call.ts';
import { Session, type SessionContext } from './session.ts';

/** Why a link must not have the session, if it must not. */
export function objectionTo(
  session: Session | undefined,
  ordinal: number,
): HoldfastError | undefined {
  if (session === undefined) {
    const message = 'The session belongs to somebody else';
    return new HoldfastError('ERR_HOLDFAST_UNAUTHENTICATED', message, { final: true });
  }
  if (!session.isNewest(ordinal)) {
    const message = 'A later connection of this client has the session';
    return new HoldfastError('ERR_HOLDFAST_PROTOCOL', message);
  }
  if (!session.isGivenAway) return undefined;
  return new HoldfastError('ERR_HOLDFAST_DRAINING', 'Another server has the session now');
}

/** All sessions of a server, by id. */
export class Sessions {
  readonly #context: SessionContext;
  readonly #maxSessions: number;
  readonly #byId = new Map<string, Session>();
  /**
   * Of sessions that were forgotten, as many as may be remembered, the newest last: the highest number
   * of a call that came. Whoever makes such a session anew, be it a hello of long ago or a server that
   * gives what it knows, these calls must not look as if they had never come.
   */
  readonly #forgotten = new Map<string, number>();

  constructor(context: SessionContext, maxSessions: number) {
    this.#context = context;
    this.#maxSessions = maxSessions;
  }

  get size(): number {
    return this.#byId.size;
  }

  /**
   * The session of a client, made when it comes for the first time; undefined when it belongs to
   * another principal. `isNew` says that this server knows nothing of the client's earlier calls.
   */
  open(
    id: string,
    principal: Principal | undefined,
  ): { readonly session: Session; readonly isNew: boolean } | undefined {
    const known = this.#byId.get(id);
    const owner = principalId(principal);
    if (known !== undefined && known.owner !== owner) return undefined;
    const session = known ?? this.#make(id, owner);
    session.principal = principal;
    return { session, isNew: known === undefined };
  }

  /** A session that exists. */
  get(id: string): Session | undefined {
    return this.#byId.get(id);
  }

  /** The ids of all sessions. */
  ids(): Iterable<string> {
    return this.#byId.keys();
  }

  /** Takes over what another server knows of a session; undefined when it is somebody else's here. */
  adopt(estate: Estate): Session | undefined {
    const known = this.#byId.get(estate.session);
    if (known !== undefined && known.owner !== estate.owner) return undefined;
    const session = known ?? this.#make(estate.session, estate.owner);
    session.adopt(estate);
    if (known === undefined) session.expireLater();
    return session;
  }

  #make(id: string, owner: string): Session {
    if (this.#byId.size >= this.#maxSessions) this.#endOldest();
    const session = new Session(id, owner, this.#context, (ended) => {
      // Handlers of a session that was forgotten may end when its client has come again: the new
      // session, which has the same id, must stay, or what it runs would be run again.
      if (this.#byId.get(id) === ended) this.#byId.delete(id);
      this.#noteForgotten(ended);
    });
    session.records.forgetUpTo(this.#forgotten.get(id) ?? 0);
    this.#byId.set(id, session);
    return session;
  }

  #noteForgotten({ id, highestNumber }: Session): void {
    const highest = Math.max(highestNumber, this.#forgotten.get(id) ?? 0);
    if (highest === 0) return;
    this.#forgotten.delete(id);
    this.#forgotten.set(id, highest);
    if (this.#forgotten.size <= this.#maxSessions) return;
    for (const oldest of this.#forgotten.keys()) {
      this.#forgotten.delete(oldest);
      return;
    }
  }

  /** Calls whose handlers run, of all sessions. */
  *running(): Iterable<RunningCall> {
    for (const session of this.#byId.values()) yield* session.running.values();
  }

  /** Those that run at the server before this one. */
  *afar(): Iterable<Pick<RunningCall, 'verb' | 'peer'>> {
    for (const session of this.#byId.values()) yield* session.afar();
  }

  get isIdle(): boolean {
    for (const { running } of this.#byId.values()) if (running.size > 0) return false;
    return true;
  }

  cancelAll(why: string): void {
    for (const session of [...this.#byId.values()]) session.cancelAll(why);
  }

  /** The server is closed: nothing is kept. */
  endAll(): void {
    for (const session of [...this.#byId.values()]) session.end();
  }

  /** Makes room: the session that was made first and has no link is forgotten. */
  #endOldest(): void {
    for (const session of this.#byId.values()) {
      if (session.isJoined) continue;
      session.end();
      return;
    }
  }
}

/** A session's id as it is kept. */
export function nameOf(session: Uint8Array): string {
  return Buffer.from(session).toString('hex');
}
