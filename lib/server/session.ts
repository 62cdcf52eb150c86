import { HoldfastError } from '../errors.ts';
import type { Lender } from '../link/outbox.ts';
import type { Peer } from '../media/medium.ts';
import type { ReplyWriter } from '../protocols/holdfast/reply-writer.ts';
import type { Verdict } from '../protocols/protocol.ts';
import { Alarm, type TimerWheel } from '../retry/timer-wheel.ts';
import type { Clock } from '../util/clock.ts';
import type { Answer, Estate } from './predecessor.ts';
import type { Principal } from './principal.ts';
import { frameOf, type RecordBudget, type RecordedFrame, Records, wholeFrame } from './records.ts';
import type {
  DeliveringCall,
  Recording,
  RunningCall,
  SessionLink,
  StreamLink,
} from './running-call.ts';
import { StreamRoom } from './stream-room.ts';

/** The answer of a call that runs at another server. */
export interface RemoteAnswer {
  readonly verb: string;
  /** Undefined when the call was cut off; rejects when the other server is gone. */
  readonly answer: Promise<Answer | undefined>;
  cancel(): void;
}

/** Where calls came from whose client has not come here. */
const predecessorPeer: Peer = { medium: 'hand-over', address: 'predecessor' };

const cutOff = 'the server process that ran the call ended before it was done';

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
  /** What the items of a session's streams may take until its client has them. */
  readonly maxOutgoingBytes: number;
  /** Another server had these sessions before; what it knows is taken over session by session. */
  hasPredecessor: boolean;
  /** The server ends: what runs is finished within the time of the drain, which is its grace. */
  isEnding: boolean;
  /** Told while the server ends, when a session has nothing running any more. */
  onIdle(): void;
  /** Told before a call is cut off because it cannot go on at the server that gets its session. */
  onCut(call: RunningCall): void;
}

/**
 * What a client is to the server, from link to link: its calls that run, and the answers that it has
 * not acknowledged. One link at a time has it; a newer one fences the older.
 */
export class Session {
  readonly id: string;
  /** Names the principal that it belongs to. */
  readonly owner: string;
  /** True when it is known what became of the session's calls at the servers before this one too. */
  isComplete: boolean;
  /** Of the calls that came. */
  highestNumber = 0;
  /** As `authenticate` gave it for the link that joined last. */
  principal: Principal | undefined;
  /** Calls whose handlers run, by number. */
  readonly running: Map<number, RunningCall> = new Map();
  readonly records: Records;
  /** What items take until the client has them. */
  readonly room: StreamRoom;
  /** Calls that are answered, whose items the client may not have. */
  readonly #delivering = new Set<DeliveringCall>();
  /** Handlers that run, those of cancelled calls included, and the bytes of their inputs. */
  handlers = 0;
  incomingBytes = 0;
  readonly #context: SessionContext;
  readonly #onEnd: (session: Session) => void;
  readonly #grace: Alarm;
  readonly #expiry: Alarm;
  #link: SessionLink | undefined;
  #maxFrameBytes = 0;
  /** Which of the client's connections joined last. */
  #ordinal = 0;
  /** Calls whose handlers run at the server before this one, by number. */
  readonly #afar = new Map<number, RemoteAnswer>();
  /** The server that takes over has the session: it gets the answers. */
  #heir: ((number: number, answer: Answer | undefined) => void) | undefined;

  constructor(
    id: string,
    owner: string,
    context: SessionContext,
    onEnd: (session: Session) => void,
  ) {
    this.id = id;
    this.owner = owner;
    this.isComplete = !context.hasPredecessor;
    this.#context = context;
    this.#onEnd = onEnd;
    this.records = new Records(context.budget);
    this.room = new StreamRoom(context.maxOutgoingBytes);
    this.#grace = new Alarm(context.wheel, () => this.cancelAll('its client did not come back'));
    this.#expiry = new Alarm(context.wheel, () => this.end());
  }

  /** False for a connection that comes late: a later one of the client has had the session. */
  isNewest(ordinal: number): boolean {
    return ordinal >= this.#ordinal;
  }

  /** True when another server has the session: nobody may join it here. */
  get isGivenAway(): boolean {
    return this.#heir !== undefined;
  }

  /** True while a link has the session. */
  get isJoined(): boolean {
    return this.#link !== undefined;
  }

  /**
   * A link takes the session over. The one that had it is closed first and nothing more is read from
   * it, so what it has not delivered by now is never executed.
   *
   * @param ordinal which of the client's connections it is
   * @param maxFrameBytes largest frame that the client takes
   */
  join(link: SessionLink, ordinal: number, maxFrameBytes: number): void {
    const older = this.#link;
    this.#ordinal = ordinal;
    this.#link = link;
    this.#maxFrameBytes = maxFrameBytes;
    this.#grace.clear();
    this.#expiry.clear();
    this.#detachStreams();
    older?.destroy();
  }

  /**
   * The client has come back for a call that runs: its streams go on at this link, and whatever it
   * is, its answer is kept.
   */
  attach(number: number, link: StreamLink): void {
    const call = this.running.get(number);
    if (call === undefined) return;
    if (call.recording === 'none') call.recording = 'spare';
    call.streams?.attach(link);
  }

  /** Has streams tell what of the client's items has come; true when one of them did. */
  tellArrived(): boolean {
    let isTold = false;
    for (const { streams } of this.running.values()) {
      if (streams?.tellArrived() === true) isTold = true;
    }
    return isTold;
  }

  #detachStreams(): void {
    for (const { streams } of this.running.values()) streams?.detach();
  }

  /**
   * A link is gone: handlers go on for a while, for the client may come back. An empty session is
   * kept too: only who remembers a client can say that it never asked for something.
   */
  leave(link: SessionLink): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#detachStreams();
    const now = this.#context.clock.now();
    const { isEnding, resumeGraceMs } = this.#context;
    if (this.running.size > 0 && !isEnding) this.#grace.set(now + resumeGraceMs);
    this.expireLater();
  }

  /** Forgets the session after a while, unless a link joins it. */
  expireLater(): void {
    this.#expiry.set(this.#context.clock.now() + this.#context.keepSessionsMs);
  }

  /** What became of a call, as its client is told on a new link. */
  verdictOn(number: number): Verdict {
    return this.runs(number) ? 'running' : this.records.fateOf(number);
  }

  /** True when the call's handler runs, here or at the server before this one. */
  runs(number: number): boolean {
    return this.running.has(number) || this.#afar.has(number);
  }

  /** Takes over what another server knows of the session. */
  adopt({ isComplete, acknowledged, forgottenUpTo, forgotten, done, frames }: Estate): void {
    const { records } = this;
    this.isComplete ||= isComplete;
    records.acknowledge(acknowledged);
    records.forgetUpTo(forgottenUpTo);
    for (const number of forgotten) records.forget(number);
    for (const [index, number] of done.entries()) {
      records.keep(number, frameOf(Buffer.from(frames[index] as Uint8Array)));
    }
  }

  /** Calls whose handlers run at the server before this one. */
  *afar(): Iterable<Pick<RunningCall, 'verb' | 'peer'>> {
    const peer = this.#link?.peer ?? predecessorPeer;
    for (const { verb } of this.#afar.values()) yield { verb, peer };
  }

  /** A call runs at the server before this one: its answer comes from there. */
  awaitAnswer(number: number, remote: RemoteAnswer): void {
    this.#afar.set(number, remote);
    remote.answer.then(
      (answer) => this.#onAnswer(number, answer),
      () => this.#onAnswer(number, undefined),
    );
  }

  #onAnswer(number: number, answer: Answer | undefined): void {
    if (!this.#afar.delete(number)) return;
    if (answer === undefined) {
      this.records.forget(number);
      this.#link?.unknown(number, { code: 'ERR_HOLDFAST_UNFINISHED', message: cutOff });
      return;
    }
    this.#answer(number, frameOf(Buffer.from(answer.frame)), answer.isRecorded ? 'due' : 'none');
  }

  /** Nobody waits for this call any more: its handler is told, wherever it runs. */
  cancel(number: number): void {
    const remote = this.#afar.get(number);
    if (remote !== undefined) {
      this.#afar.delete(number);
      this.records.forget(number);
      remote.cancel();
    }
    const call = this.running.get(number);
    if (call === undefined) return;
    this.#cancel(call, ' by its caller');
    this.#heir?.(number, undefined);
    this.finished(call);
  }

  /**
   * Gives the session to another server: the link is closed, nothing more is read from it, and what
   * still runs is answered to `heir`, with undefined when it was cut off.
   */
  giveAway(heir: (number: number, answer: Answer | undefined) => void): Estate {
    const link = this.#link;
    this.#link = undefined;
    this.#heir = heir;
    this.#grace.clear();
    this.#detachStreams();
    link?.destroy();
    for (const call of [...this.running.values()]) {
      if (call.streams?.needsLink !== true) continue;
      this.#context.onCut(call);
      this.#cancel(call, ': its streams cannot go on at another server');
      this.finished(call);
    }
    const recorded = [...this.running.values()].filter(({ recording }) => recording !== 'none');
    const running = [...recorded.map(({ number }) => number), ...this.#afar.keys()];
    const verbs = [...recorded, ...this.#afar.values()].map(({ verb }) => verb);
    const { id: session, owner, isComplete, records } = this;
    return { session, owner, isComplete, ...records.export(), running, verbs };
  }

  /**
   * Answers a call with a reply; a recorded one is kept until it is acknowledged.
   *
   * @throws HoldfastError `ERR_HOLDFAST_ENCODE`, `ERR_HOLDFAST_FRAME_TOO_LARGE`
   */
  reply(number: number, value: unknown, recording: Recording): void {
    const { writer } = this.#context;
    writer.write(number, value, this.#maxFrameBytes);
    const isKept = recording !== 'none' || !writer.isShared;
    this.#answer(number, writer, recording, isKept ? undefined : writer);
  }

  /** A reply in memory of its own; throws as {@link reply} does. */
  encodeReply(number: number, value: unknown): Buffer {
    const { writer } = this.#context;
    writer.write(number, value, this.#maxFrameBytes);
    const frame = wholeFrame(writer);
    writer.giveBack(writer.buffer, 1);
    return frame;
  }

  /** The client has settled all calls below `number` and does not ask for them again. */
  acknowledge(number: number): void {
    this.records.acknowledge(number);
    for (const call of this.#delivering) if (call.number < number) call.discard();
    // The word that nobody waits for them was lost with its link, or the client was elsewhere.
    for (const settled of this.running.keys()) if (settled < number) this.cancel(settled);
    for (const settled of this.#afar.keys()) if (settled < number) this.cancel(settled);
  }

  /** The client has settled a call while others before it go on. */
  settle(number: number): void {
    for (const call of this.#delivering) {
      if (call.number !== number) continue;
      this.records.forget(number);
      call.discard();
    }
    if (this.runs(number)) this.cancel(number);
    this.records.settle(number);
  }

  /** A call is answered: it counts as running until its client has every item. */
  deliver(call: DeliveringCall): void {
    this.#delivering.add(call);
  }

  /** A stream needs more room for an item; false when there is none. */
  growIncoming(bytes: number, maxBytes: number): boolean {
    if (this.incomingBytes + bytes > maxBytes) return false;
    this.incomingBytes += bytes;
    return true;
  }

  /** Answers a call with a frame that says that its handler failed. */
  error(number: number, frame: Buffer, recording: Recording): void {
    this.#answer(number, frameOf(frame), recording);
  }

  /** Answers a call with a frame that says that it was not executed. */
  decline(number: number, frame: Buffer): void {
    this.#answer(number, frameOf(frame), 'none');
  }

  /** Answers a call with a frame that says that nobody can tell whether it was executed. */
  unknown(number: number, frame: Buffer): void {
    this.records.forget(number);
    this.#answer(number, frameOf(frame), 'none');
  }

  #answer(number: number, frame: RecordedFrame, recording: Recording, lender?: Lender): void {
    // Now: a client that comes back before the handler's last promises have settled would be told
    // that it runs, and wait for an answer that has gone already.
    if (this.running.size > 0) this.running.delete(number);
    if (recording !== 'none') this.records.keep(number, frame, recording === 'spare');
    this.#link?.send(frame, lender);
    this.#heir?.(number, { frame: wholeFrame(frame), isRecorded: recording !== 'none' });
  }

  /** Largest frame that the client takes. */
  get maxFrameBytes(): number {
    return this.#maxFrameBytes;
  }

  /** The link that answers go to, if there is one. */
  get link(): SessionLink | undefined {
    return this.#link;
  }

  /** A handler is done, or nobody waits for it any more. */
  finished(call: RunningCall): void {
    const { streams } = call;
    if (streams?.isDelivering === true) return;
    if (streams !== undefined) this.room.leave(streams);
    this.#delivering.delete(call as RunningCall & DeliveringCall);
    if (this.running.get(call.number) === call) this.running.delete(call.number);
    if (this.#context.isEnding && this.running.size === 0) this.#context.onIdle();
  }

  /** What has begun may have done anything; of what has not, nothing ever happened. */
  #cancel(call: RunningCall, why: string): void {
    const hasBegun = call.waiting === undefined;
    const message = `Call "${call.verb}" was cancelled${why}`;
    call.cancel(new HoldfastError('ERR_HOLDFAST_ABORTED', message));
    if (call.recording !== 'none' && hasBegun) this.records.forget(call.number);
  }

  cancelAll(why: string): void {
    for (const call of [...this.running.values()]) {
      this.#cancel(call, `: ${why}`);
      this.#heir?.(call.number, undefined);
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
