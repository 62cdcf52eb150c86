import { HoldfastError } from '../errors.ts';
import type { ReplyWriter } from '../protocols/holdfast/reply-writer.ts';
import type { Verdict } from '../protocols/protocol.ts';
import { Alarm, type TimerWheel } from '../retry/timer-wheel.ts';
import type { Clock } from '../util/clock.ts';
import { type Principal, principalId } from './principal.ts';
import { type RecordBudget, Records } from './records.ts';
import type { ServerCall } from './server-call.ts';
import type { ServerLink } from './server-link.ts';

/** What all sessions of a server share. */
export interface SessionContext {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly writer: ReplyWriter;
  readonly budget: RecordBudget;
  /** After a lost link handlers go on for so long. */
  readonly resumeGraceMs: number;
  /** After a lost link the session is kept for so long. */
  readonly keepSessionsMs: number;
  /** The server ends: what runs is finished within the time of the drain, which is its grace. */
  isEnding: boolean;
  /** Told while the server ends, when a session has nothing running any more. */
  onIdle(): void;
}

/**
 * What a client is to the server, from link to link: its calls that run, and the answers that it has
 * not acknowledged. One link at a time has it; a newer one fences the older.
 */
export class Session {
  readonly id: string;
  readonly principal: Principal | undefined;
  /** Calls whose handlers run, by number. */
  readonly running: Map<number, ServerCall> = new Map();
  readonly records: Records;
  /** Handlers that run, those of cancelled calls included, and the bytes of their inputs. */
  handlers = 0;
  incomingBytes = 0;
  readonly #context: SessionContext;
  readonly #onEnd: (session: Session) => void;
  readonly #grace: Alarm;
  readonly #expiry: Alarm;
  #link: ServerLink | undefined;
  #maxFrameBytes = 0;

  constructor(
    id: string,
    principal: Principal | undefined,
    context: SessionContext,
    onEnd: (session: Session) => void,
  ) {
    this.id = id;
    this.principal = principal;
    this.#context = context;
    this.#onEnd = onEnd;
    this.records = new Records(context.budget);
    this.#grace = new Alarm(context.wheel, () => this.cancelAll('its client did not come back'));
    this.#expiry = new Alarm(context.wheel, () => this.end());
  }

  /** True while a link has the session. */
  get isJoined(): boolean {
    return this.#link !== undefined;
  }

  /**
   * A link takes the session over. The one that had it is closed first and nothing more is read from
   * it, so what it has not delivered by now is never executed.
   *
   * @param maxFrameBytes largest frame that the client takes
   */
  join(link: ServerLink, maxFrameBytes: number): void {
    const older = this.#link;
    this.#link = link;
    this.#maxFrameBytes = maxFrameBytes;
    this.#grace.clear();
    this.#expiry.clear();
    older?.destroy();
  }

  /**
   * A link is gone: handlers go on for a while, for the client may come back. An empty session is
   * kept too: only who remembers a client can say that it never asked for something.
   */
  leave(link: ServerLink): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    const now = this.#context.clock.now();
    const { isEnding, resumeGraceMs } = this.#context;
    if (this.running.size > 0 && !isEnding) this.#grace.set(now + resumeGraceMs);
    this.#expiry.set(now + this.#context.keepSessionsMs);
  }

  /** What became of a call, as its client is told on a new link. */
  verdictOn(number: number): Verdict {
    return this.running.has(number) ? 'running' : this.records.fateOf(number);
  }

  /**
   * Answers a call with a reply; a recorded one is kept until it is acknowledged.
   *
   * @throws HoldfastError `ERR_HOLDFAST_ENCODE`, `ERR_HOLDFAST_FRAME_TOO_LARGE`
   */
  reply(number: number, value: unknown, isRecorded: boolean): void {
    const { writer } = this.#context;
    writer.write(number, value, this.#maxFrameBytes);
    if (isRecorded) this.records.keep(number, writer);
    this.#link?.send(writer);
  }

  /** Answers a call with a frame that says that its handler failed. */
  error(number: number, frame: Buffer, isRecorded: boolean): void {
    const whole = { buffer: frame, start: 0, end: frame.length, body: undefined };
    if (isRecorded) this.records.keep(number, whole);
    this.#link?.send(whole);
  }

  /** Largest frame that the client takes. */
  get maxFrameBytes(): number {
    return this.#maxFrameBytes;
  }

  /** The link that answers go to, if there is one. */
  get link(): ServerLink | undefined {
    return this.#link;
  }

  /** A handler is done, or nobody waits for it any more. */
  finished(call: ServerCall): void {
    if (this.running.get(call.number) === call) this.running.delete(call.number);
    if (this.#context.isEnding && this.running.size === 0) this.#context.onIdle();
  }

  cancelAll(why: string): void {
    for (const call of [...this.running.values()]) {
      call.cancel(
        new HoldfastError('ERR_HOLDFAST_ABORTED', `Call "${call.verb}" was cancelled: ${why}`),
      );
      if (call.isRecorded) this.records.forget(call.number);
      this.finished(call);
    }
  }

  /** Forgets everything. */
  end(): void {
    this.cancelAll('its client did not come back');
    this.#grace.clear();
    this.#expiry.clear();
    this.records.clear();
    this.#onEnd(this);
  }
}

/** All sessions of a server, by id. */
export class Sessions {
  readonly #context: SessionContext;
  readonly #maxSessions: number;
  readonly #byId = new Map<string, Session>();

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
    id: Uint8Array,
    principal: Principal | undefined,
  ): { readonly session: Session; readonly isNew: boolean } | undefined {
    const name = Buffer.from(id).toString('hex');
    const known = this.#byId.get(name);
    if (known !== undefined) {
      const isOwner = principalId(known.principal) === principalId(principal);
      return isOwner ? { session: known, isNew: false } : undefined;
    }
    if (this.#byId.size >= this.#maxSessions) this.#endOldest();
    const session = new Session(name, principal, this.#context, (ended) => {
      // Handlers of a session that was forgotten may end when its client has come again: the new
      // session, which has the same id, must stay, or what it runs would be run again.
      if (this.#byId.get(name) === ended) this.#byId.delete(name);
    });
    this.#byId.set(name, session);
    return { session, isNew: true };
  }

  /** Calls whose handlers run, of all sessions. */
  *running(): Iterable<ServerCall> {
    for (const session of this.#byId.values()) yield* session.running.values();
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
