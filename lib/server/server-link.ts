import { HoldfastError } from '../errors.ts';
import { Arrival } from '../link/arrival.ts';
import { closeTimeoutMs, cutOffFactor, lifeSignMs, maxPongs } from '../link/limits.ts';
import { type Lender, Outbox } from '../link/outbox.ts';
import { PingWatch } from '../link/ping-watch.ts';
import type { Channel, ChannelUser, Peer } from '../media/medium.ts';
import { encodeRefusal, encodeUnknown } from '../protocols/holdfast/answer-frames.ts';
import {
  type ArrivedCall,
  HoldfastServerWire,
  type ServerSink,
} from '../protocols/holdfast/server-wire.ts';
import type { ClientHello, Refusal, UnknownFate, Verdict } from '../protocols/protocol.ts';
import { Alarm, wheelOf } from '../retry/timer-wheel.ts';
import { asFault, deaf, noHello, tooEarly } from './link-errors.ts';
import type { ServerLinkOwner } from './link-owner.ts';
import { LinkStreams } from './link-streams.ts';
import { authenticated, type Principal } from './principal.ts';
import type { RecordedFrame } from './records.ts';
import type { Session } from './session.ts';
import { nameOf, objectionTo } from './sessions.ts';

/** One connection of a server: a channel, the protocol on it, and the client's session. */
export class ServerLink implements ChannelUser, ServerSink {
  readonly peer: Peer;
  session: Session | undefined;
  /** Highest number of a call that came for the first time. */
  highestNumber = 0;
  /** The last accepted line is drawn: what comes now is never executed. */
  isLined = false;
  /** CALL frames that came. */
  #calls = 0;
  readonly streams: LinkStreams;
  /** The client takes frames of streams. */
  takesStreams = false;
  readonly #owner: ServerLinkOwner<ServerLink>;
  readonly #channel: Channel;
  readonly #outbox: Outbox;
  readonly #wire: HoldfastServerWire;
  readonly #arrival: Arrival;
  readonly #alarm: Alarm;
  /** Largest frame that the client takes. */
  #maxFrameBytes = 0;
  /** When something came last. */
  heardAt: number;
  /** When it was last looked whether the client lives. */
  #lookedAt = 0;
  readonly #pings: PingWatch;
  /** What was through when a pause was last looked at. */
  #progressBytes = 0;
  #isPaused = false;
  /** Answers to pings since the outbox was last empty. */
  #pongs = 0;
  #isScheduled = false;
  #isReading = false;
  #isGone = false;
  readonly #flush = (): void => this.#onFlush();

  constructor(channel: Channel, owner: ServerLinkOwner<ServerLink>) {
    const { clock, maxFrameBytes, handshakeTimeoutMs } = owner.options;
    this.peer = channel.peer;
    this.#owner = owner;
    this.#channel = channel;
    this.heardAt = clock.now();
    const refill = (): void => this.streams.pump();
    this.#outbox = new Outbox(channel, false, () => this.#onEmpty(), refill);
    this.streams = new LinkStreams(this, this.#outbox);
    this.#pings = new PingWatch(this.#outbox);
    this.#wire = new HoldfastServerWire(this, maxFrameBytes);
    this.#arrival = new Arrival(this.#wire, lifeSignMs, () => this.#showLife());
    this.#alarm = new Alarm(wheelOf(clock), () => this.#onAlarm());
    this.#alarm.set(this.heardAt + handshakeTimeoutMs);
    channel.start(this);
    channel.ref();
  }

  /** False when nothing that is answered reaches the client any more. */
  get isOpen(): boolean {
    return !this.#isGone;
  }

  /** Sends a frame that answers a call. */
  send({ buffer, start, end, body }: RecordedFrame, lender?: Lender): void {
    if (this.#isGone) return;
    if (lender === undefined) this.#outbox.push(buffer, start, end);
    else this.#outbox.pushLent(buffer, start, end, lender);
    if (body !== undefined) this.#outbox.pushAll(body);
    this.#afterPush();
  }

  refuse(number: number, refusal: Refusal): void {
    this.push(encodeRefusal(number, refusal, this.#maxFrameBytes));
  }

  /** The server cannot tell whether it executed the call. */
  unknown(number: number, fate: UnknownFate): void {
    this.push(encodeUnknown(number, fate, this.#maxFrameBytes));
  }

  /** Tells the client that the server goes soon; calls are taken until {@link drawLine}. */
  drain(timeLeftMs: number): void {
    if (this.session !== undefined) this.push(this.#wire.drain(Math.ceil(timeLeftMs)));
    else this.fault(new HoldfastError('ERR_HOLDFAST_DRAINING', 'The server is draining'));
  }

  /** The last accepted line: calls that came so far are finished, later ones are never executed. */
  drawLine(): void {
    if (this.isLined || this.session === undefined) return;
    this.isLined = true;
    this.push(this.#wire.line(this.#calls));
  }

  /** Gives the link up and tells the client why. */
  fault(error: HoldfastError): void {
    if (this.#isGone) return;
    this.#wire.stop();
    this.#outbox.pushAll(this.#wire.fault(error));
    this.#outbox.flush();
    this.#isGone = true;
    this.#owner.onFault(this.peer, error);
    // The channel is closed when the reason is through. What the client goes on sending is read and
    // thrown away: closing with unread bytes would reset the connection, and the reset could
    // overtake the reason.
    this.#alarm.set(this.#owner.options.clock.now() + closeTimeoutMs);
  }

  destroy(): void {
    this.#isGone = true;
    this.#wire.stop();
    this.#channel.destroy();
  }

  onBytes(chunk: Buffer): void {
    if (this.#isGone) return;
    const { clock, idlePingMs, heartbeatTimeoutMs } = this.#owner.options;
    const now = clock.now();
    const silentMs = now - Math.max(this.heardAt, this.#lookedAt);
    if (silentMs > idlePingMs + heartbeatTimeoutMs && this.session !== undefined) {
      // This process was stopped, or blocked, for so long that the client must have given the link
      // up. What lies in its buffers is from another time, and may have been done elsewhere.
      this.destroy();
      return;
    }
    this.heardAt = now;
    this.#pings.end();
    this.#read(chunk);
  }

  /** Takes a chunk, or what was held back. What is answered at once leaves at once. */
  #read(chunk: Buffer | undefined): void {
    this.#isReading = true;
    try {
      if (chunk === undefined) this.#wire.release();
      else this.#arrival.receive(chunk, this.heardAt);
    } catch (error) {
      this.fault(asFault(error));
    }
    this.#isReading = false;
    this.#owner.onRead();
    if (this.#isScheduled) this.#onFlush();
  }

  readInto(): Buffer | undefined {
    return this.#wire.readInto();
  }

  onClosed(): void {
    this.#isGone = true;
    this.#alarm.clear();
    this.#outbox.close();
    this.streams.clear();
    this.session?.leave(this);
    this.#owner.onClosed(this);
  }

  onHello(hello: ClientHello): void {
    const { authenticate, maxFrameBytes } = this.#owner.options;
    this.#maxFrameBytes = Math.min(hello.maxFrameBytes, maxFrameBytes);
    this.takesStreams = hello.streams === true;
    if (authenticate === undefined && this.#owner.heir === undefined) {
      this.#welcome(hello, undefined);
      return;
    }
    // The handshake's timer goes on: what must be waited for has no more time than that.
    this.#admit(hello)
      .then((principal) => {
        if (!this.#isGone) this.#welcome(hello, principal);
      })
      .catch((error: unknown) => this.fault(asFault(error)));
  }

  async #admit({ credentials, session, resume }: ClientHello): Promise<Principal | undefined> {
    const { heir, options } = this.#owner;
    const { authenticate } = options;
    const principal =
      authenticate === undefined
        ? undefined
        : await authenticated(authenticate, credentials, this.peer);
    await heir?.prepare(nameOf(session), resume !== undefined);
    return principal;
  }

  #welcome(client: ClientHello, principal: Principal | undefined): void {
    const { options, sessions, hello, heir } = this.#owner;
    const opened = sessions.open(nameOf(client.session), principal);
    const { link = Number.MAX_SAFE_INTEGER } = client;
    const objection = objectionTo(opened?.session, link);
    if (opened === undefined || objection !== undefined) {
      this.fault(objection as HoldfastError);
      return;
    }
    const { session, isNew } = opened;
    this.session = session;
    // First the fence, then the verdicts: what an older link has not delivered is never executed.
    session.join(this, link, this.#maxFrameBytes);
    const { acknowledged = 0, resume = [] } = client;
    session.acknowledge(acknowledged);
    // This server knows nothing of the client's earlier calls, now or when it asks again.
    if (isNew) for (const number of resume) session.records.forgetUpTo(number);
    // Nor will it be asked for any but these.
    if (isNew && client.alone) session.isComplete = true;
    const verdicts = resume.map((number) => session.verdictOn(number));
    this.#alarm.set(options.clock.now() + options.idlePingMs);
    // What it cannot say now, it may be able to say when it is asked later.
    const speaks = session.isComplete || client.resume === undefined;
    const heirOf = speaks ? (heir?.servers ?? []) : [];
    const verbs = client.tables?.includes(hello.table ?? '') ? undefined : hello.verbs;
    this.push(this.#wire.hello({ ...hello, verbs, heirOf, verdicts }));
    this.#deliver(resume, verdicts);
    const timeLeftMs = this.#owner.drainTimeLeftMs();
    if (timeLeftMs === undefined) return;
    this.drain(timeLeftMs);
    this.drawLine();
  }

  onCall(call: ArrivedCall): void {
    const { session } = this;
    if (session === undefined) throw tooEarly();
    this.#calls++;
    if (call.number > session.highestNumber) session.highestNumber = call.number;
    this.#owner.onCall(this, call);
  }

  onCancel(number: number): void {
    this.session?.cancel(number);
  }

  onAcknowledge(number: number, settled: readonly number[]): void {
    if (this.session === undefined) throw tooEarly();
    this.session.acknowledge(number);
    for (const each of settled) this.session.settle(each);
  }

  onAsk(numbers: readonly number[]): void {
    const { session } = this;
    if (session === undefined) throw tooEarly();
    const { heir } = this.#owner;
    if (heir === undefined) {
      this.#tellVerdicts(session, numbers);
      return;
    }
    heir.prepare(session.id, true).then(
      () => this.#tellVerdicts(session, numbers),
      (error: unknown) => this.fault(asFault(error)),
    );
  }

  /** On a link that is up calls are asked for that came to another server, or on another link. */
  #tellVerdicts(session: Session, numbers: readonly number[]): void {
    const verdicts = numbers.map((number) => {
      const verdict = session.verdictOn(number);
      return verdict === 'never' && !session.isComplete ? 'forgotten' : verdict;
    });
    this.push(this.#wire.verdicts(numbers, verdicts));
    this.#deliver(numbers, verdicts);
  }

  onPing(token: number): void {
    if (this.session === undefined) throw tooEarly();
    this.push(this.#wire.pong(token));
    // In memory each answer is many times as large as on the wire, which is all that is counted.
    if (++this.#pongs > maxPongs) this.#pause();
  }

  onPong(): void {}

  /** Sends the answers of the calls that are done; streams of those that run go on here. */
  #deliver(numbers: readonly number[], verdicts: readonly Verdict[]): void {
    const session = this.session as Session;
    for (const [index, verdict] of verdicts.entries()) {
      const number = numbers[index] as number;
      if (verdict === 'done') this.send(session.records.frameOf(number));
      else if (verdict === 'running') session.attach(number, this.streams);
    }
  }

  /** Sends a frame. */
  push(frame: Buffer): void {
    if (this.#isGone) return;
    this.#outbox.pushAll(frame);
    this.#afterPush();
  }

  /** A client that hears of other things needs no ping. */
  #showLife(): void {
    if (this.session === undefined || this.#outbox.writing) return;
    if (!this.session.tellArrived()) this.push(this.#wire.ping(this.#pings.begin()));
  }

  #afterPush(): void {
    this.#arrival.answered(this.heardAt);
    if (!this.#outbox.flushEarly()) this.schedule();
    const { backlogBytes } = this.#outbox;
    const { maxOutgoingBytes } = this.#owner.options;
    if (backlogBytes <= maxOutgoingBytes || this.#isGone) return;
    if (backlogBytes > cutOffFactor * maxOutgoingBytes) this.#cutOff();
    else this.#pause();
  }

  /** Has what waits sent at the end of this turn, or of what is being read. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    if (!this.#isReading) process.nextTick(this.#flush);
  }

  #cutOff(): void {
    const { options } = this.#owner;
    this.#owner.onFault(this.peer, deaf(this.#outbox.backlogBytes, options.maxOutgoingBytes));
    this.destroy();
  }

  /** Reads nothing more until what waits to be sent is through. */
  #pause(): void {
    if (this.#isPaused || this.#isGone) return;
    this.#isPaused = true;
    this.#channel.pause();
    // Calls that were read already wait too: their replies would come on top.
    this.#wire.hold();
    // Nothing is heard of the client now: it lives as long as what waits gets through.
    this.#progressBytes = this.#outbox.writtenBytes;
    const { clock, heartbeatTimeoutMs } = this.#owner.options;
    this.#alarm.set(clock.now() + heartbeatTimeoutMs);
  }

  #onFlush(): void {
    this.#isScheduled = false;
    this.streams.pump();
    this.#outbox.flush();
  }

  #onEmpty(): void {
    if (this.#isGone) {
      this.#channel.close();
      return;
    }
    this.#pongs = 0;
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#pings.end();
    this.heardAt = this.#owner.options.clock.now();
    this.#alarm.set(this.heardAt + this.#owner.options.idlePingMs);
    this.#channel.resume();
    this.#read(undefined);
  }

  #onAlarm(): void {
    const { clock, handshakeTimeoutMs, heartbeatTimeoutMs, idlePingMs } = this.#owner.options;
    if (this.#isGone) {
      this.destroy();
      return;
    }
    if (this.session === undefined) {
      this.fault(noHello(handshakeTimeoutMs));
      return;
    }
    const now = clock.now();
    this.#lookedAt = now;
    if (this.#isPaused) {
      const { writtenBytes } = this.#outbox;
      if (writtenBytes === this.#progressBytes) this.#cutOff();
      else this.#alarm.set(now + heartbeatTimeoutMs);
      this.#progressBytes = writtenBytes;
      return;
    }
    const silentMs = now - this.heardAt;
    if (silentMs < idlePingMs) {
      this.#alarm.set(this.heardAt + idlePingMs);
    } else if (this.#pings.token === 0) {
      this.push(this.#wire.ping(this.#pings.begin()));
      this.#alarm.set(now + heartbeatTimeoutMs);
    } else if (this.#pings.hasProgress()) {
      this.#alarm.set(now + heartbeatTimeoutMs);
    } else {
      this.destroy();
    }
  }
}
