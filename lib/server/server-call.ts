import type { CallsWithin, Client } from '../client/client.ts';
import type { Layer } from '../layers/layer.ts';
import type { Peer } from '../media/medium.ts';
import type { ServedResult, ServerCallMessage } from '../observe/channels.ts';
import type { ServedCall, ServerWatch } from '../observe/server-watch.ts';
import { maxRemainingMs } from '../protocols/holdfast/frames.ts';
import type { ArrivedCall } from '../protocols/holdfast/server-wire.ts';
import type { Clock } from '../util/clock.ts';
import type { Verbs } from '../verbs/verb.ts';
import type { ServedVerb } from './handlers.ts';
import { type Principal, principalId } from './principal.ts';
import type { Recording, RunningCall, RunningStreams, SessionLink } from './running-call.ts';
import type { Session } from './session.ts';

/** Where the answer of a call goes. */
export interface AnswerTarget {
  /**
   * @throws HoldfastError `ERR_HOLDFAST_ENCODE`, `ERR_HOLDFAST_FRAME_TOO_LARGE`
   */
  reply(number: number, value: unknown, recording: Recording): void;
  /** The handler failed, as the frame says. */
  error(number: number, frame: Buffer, recording: Recording): void;
  /** The call was not executed, as the frame says, or nobody can tell. */
  decline(number: number, frame: Buffer): void;
}

/** One call at the server, while its handler runs. */
export class ServerCall implements Layer, ServedCall, RunningCall {
  readonly verb: string;
  readonly number: number;
  readonly attempt: number;
  readonly isReplay: boolean;
  /** A call that its handler made failed after it was tried again. */
  wasRetried = false;
  readonly key: string | undefined;
  readonly peer: Peer;
  readonly principal: Principal | undefined;
  readonly streams: RunningStreams | undefined = undefined;
  readonly target: AnswerTarget;
  /** Bytes of the input, and of what the client may send beside it, while the handler runs. */
  readonly inputBytes: number;
  /** The link on which it came last. */
  link: SessionLink;
  /** Where the answer goes: to the link that has the session then. */
  readonly session: Session;
  recording: Recording;
  /** Nobody waits for the answer any more. */
  isCancelled = false;
  readonly arrivedAt: number;
  message: ServerCallMessage | undefined;
  readonly watch: ServerWatch;
  /** Counted on its session's account. */
  isHeld = false;
  /** Set while it waits for its turn. */
  waiting: { drop(): void } | undefined;
  /** When its handler began, if the server counts how many run. */
  begunAt = 0;
  /** For handlers that `transactional` made, while they run. */
  transaction: unknown;
  /** What was left of the deadline when it came. */
  readonly #limitMs: number;
  readonly #clock: Clock;
  #controller: AbortController | undefined;
  /** Why nobody waits any more. */
  #reason: Error | undefined;

  constructor(
    link: SessionLink,
    session: Session,
    { name, verb }: ServedVerb,
    arrived: ArrivedCall,
    clock: Clock,
    watch: ServerWatch,
    windowBytes = 0,
  ) {
    this.watch = watch;
    this.link = link;
    this.session = session;
    this.target = session;
    const isDue = verb.safety !== 'read' || verb.kind !== 'unary';
    // A read comes again when its answer was lost: that may happen once more.
    this.recording = isDue ? 'due' : arrived.attempt > 1 ? 'spare' : 'none';
    this.peer = link.peer;
    this.principal = session.principal;
    this.verb = name;
    this.number = arrived.number;
    this.attempt = arrived.attempt;
    this.isReplay = arrived.isReplay;
    this.key = verb.safety === 'once' ? recordKey(session, arrived) : arrived.key;
    this.inputBytes = arrived.valueEnd - arrived.valueStart + windowBytes;
    this.arrivedAt = link.heardAt;
    this.#limitMs = timeOf(arrived);
    this.#clock = clock;
  }

  get remainingMs(): number {
    return Math.max(0, this.arrivedAt + this.#limitMs - this.#clock.now());
  }

  /** Something was given to the caller already: it cannot be said any more that nothing was done. */
  get hasGiven(): boolean {
    return false;
  }

  /** Made when a handler asks for it: most never do, and a controller is dear. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.isCancelled) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** A function of its own, so that handlers may take it out of the context. */
  get client(): <V extends Verbs>(inner: Client<V>) => CallsWithin<V> {
    return (inner) => inner.within(this);
  }

  onRetried(): void {
    this.wasRetried = true;
  }

  /** It is answered, or nobody waits any more. */
  ended(result: ServedResult, error?: unknown): void {
    this.watch.ended(this, result, error);
  }

  /** It is answered with a reply. */
  replied(): void {
    if (this.isHeld || this.message !== undefined) this.ended('reply');
    else this.watch.answeredAtOnce(this);
  }

  /** Nobody waits any more: the handler's signal aborts and its answer is dropped. */
  cancel(reason: Error): void {
    if (!this.isCancelled) this.ended('cancelled', reason);
    this.isCancelled = true;
    this.#reason = reason;
    this.waiting?.drop();
    this.#controller?.abort(reason);
  }
}

/** What is left of a call's time; the longest that can be said stands for no end. */
function timeOf({ remainingMs }: ArrivedCall): number {
  return remainingMs < maxRemainingMs ? remainingMs : Number.POSITIVE_INFINITY;
}

/** Under which key a `once` call is recorded: the caller's, or one that no other call has. */
function recordKey(session: Session, { key, number }: ArrivedCall): string {
  if (key === undefined) return `call:${session.id}:${number}`;
  const owner = principalId(session.principal);
  return `key:${owner.length}:${owner}:${key}`;
}
