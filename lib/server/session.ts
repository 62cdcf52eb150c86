import { HoldfastError } from '../errors.ts';
import { Alarm, type TimerWheel } from '../retry/timer-wheel.ts';
import type { Clock } from '../util/clock.ts';
import { type Principal, principalId } from './principal.ts';
import type { ServerCall } from './server-call.ts';
import type { ServerLink } from './server-link.ts';

/** What a client is to the server, from link to link. */
export class Session {
  readonly id: string;
  readonly principal: Principal | undefined;
  /** Calls whose handlers run, by number. */
  readonly running: Map<number, ServerCall> = new Map();
  readonly #links = new Set<ServerLink>();
  readonly #sessions: Sessions;
  readonly #grace: Alarm;

  constructor(id: string, principal: Principal | undefined, sessions: Sessions) {
    this.id = id;
    this.principal = principal;
    this.#sessions = sessions;
    this.#grace = new Alarm(sessions.wheel, () => this.cancelAll('its client did not come back'));
  }

  join(link: ServerLink): void {
    this.#links.add(link);
    this.#grace.clear();
  }

  /** A link is gone: handlers go on for a while, for the client may come back. */
  leave(link: ServerLink): void {
    this.#links.delete(link);
    if (this.#links.size > 0) return;
    if (this.running.size === 0) this.#sessions.forget(this);
    else this.#grace.set(this.#sessions.clock.now() + this.#sessions.resumeGraceMs);
  }

  /** A handler is done, or nobody waits for it any more. */
  finished(call: ServerCall): void {
    if (this.running.get(call.number) === call) this.running.delete(call.number);
    if (this.running.size > 0 || this.#links.size > 0) return;
    this.#grace.clear();
    this.#sessions.forget(this);
  }

  cancelAll(why: string): void {
    for (const call of [...this.running.values()]) {
      call.cancel(
        new HoldfastError('ERR_HOLDFAST_ABORTED', `Call "${call.verb}" was cancelled: ${why}`),
      );
      this.finished(call);
    }
  }
}

/** All sessions of a server, by id. */
export class Sessions {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly resumeGraceMs: number;
  readonly #byId = new Map<string, Session>();

  constructor(clock: Clock, wheel: TimerWheel, resumeGraceMs: number) {
    this.clock = clock;
    this.wheel = wheel;
    this.resumeGraceMs = resumeGraceMs;
  }

  get size(): number {
    return this.#byId.size;
  }

  /**
   * The session of a client, made when it comes for the first time; undefined when it belongs to
   * another principal.
   */
  open(id: Uint8Array, principal: Principal | undefined): Session | undefined {
    const name = Buffer.from(id).toString('hex');
    const known = this.#byId.get(name);
    if (known !== undefined) {
      return principalId(known.principal) === principalId(principal) ? known : undefined;
    }
    const session = new Session(name, principal, this);
    this.#byId.set(name, session);
    return session;
  }

  forget(session: Session): void {
    // Handlers of a session that was forgotten may end when its client has come again: the new
    // session, which has the same id, must stay, or what it runs would be run again.
    if (this.#byId.get(session.id) === session) this.#byId.delete(session.id);
  }

  /** Calls whose handlers run, of all sessions. */
  *running(): Iterable<ServerCall> {
    for (const session of this.#byId.values()) yield* session.running.values();
  }

  cancelAll(why: string): void {
    for (const session of [...this.#byId.values()]) session.cancelAll(why);
  }
}
