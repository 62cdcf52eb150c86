import type { HoldfastError, RemoteFailure } from '../errors.ts';
import { Arrival } from '../link/arrival.ts';
import { closeTimeoutMs } from '../link/limits.ts';
import { Outbox, writeBytes } from '../link/outbox.ts';
import type { Channel, ChannelUser, Medium } from '../media/medium.ts';
import type {
  ClientSink,
  ClientWire,
  Refusal,
  ServerHello,
  UnknownFate,
  Verdict,
} from '../protocols/protocol.ts';
import type { RetryBudget } from '../retry/budget.ts';
import { bothCauses } from './both-causes.ts';
import { Heartbeat } from './heartbeat.ts';
import { helloOf } from './hello.ts';
import { linkFaults } from './link-faults.ts';
import type { LinkContext, LinkedCall } from './link-owner.ts';
import { LinkStreams } from './link-streams.ts';
import { Look } from './look.ts';
import { PongLimit } from './pong-limit.ts';
import { markSentBefore, putOut } from './sent-calls.ts';
import type { StallWatch, WatchedLink } from './stall-watch.ts';
import { ServerTable } from './tables.ts';
import { mustVerify } from './verify.ts';
import { type Acknowledgement, Watermark } from './watermark.ts';

/**
 * One live connection of a client: a channel, the protocol on it, the calls in flight. It notices
 * death by always reading, by a look or a ping before a write, and by heartbeats while calls wait.
 */
export class ClientLink implements ChannelUser, ClientSink, WatchedLink {
  /** What errors and events call it: the address and which connection of the client it is. */
  readonly label: string;
  readonly medium: Medium;
  readonly outbox: Outbox;
  readonly budget: RetryBudget;
  readonly streams: LinkStreams;
  readonly stall: StallWatch | undefined;
  table: ServerTable = new ServerTable([]);
  /** Names the server process at the far end. */
  server = '';
  /** The server is told of replays. */
  knowsLayers = false;
  /** Names the set of records of `once` calls there. */
  completions = '';
  #heirOf: readonly string[] = [];
  /** Largest message that the server takes. */
  maxFrameBytes = 0;
  /** Calls that were sent on this link and wait for their answer. */
  inFlight = 0;
  /** The server has answered a call: the link has proved useful. */
  isUseful = false;
  /** It is lost, and what was on it is sent again at no cost. */
  isForgiven = false;
  /** The server goes soon. */
  isDraining = false;
  /** The last accepted line is drawn: nothing more is sent. */
  #isLined = false;
  /** The client has another link for its calls. */
  #isLeft = false;
  /** CALL frames that were sent. */
  #calls = 0;
  /** The calls whose fate the hello asks for. */
  readonly asked: readonly number[];
  readonly #watermark: Watermark;
  #isUp = false;
  #isGone = false;
  #cause: Error | undefined;
  readonly #channel: Channel;
  readonly #wire: ClientWire;
  readonly #arrival: Arrival;
  readonly #context: LinkContext<ClientLink>;
  readonly #look: Look;
  #maxCalls = 0;
  #heardBytes = 0;
  /** When something came last. */
  heardAt: number;
  /** How long the link had been silent when it was last written to; 0 once it has answered. */
  #silenceMs = 0;
  readonly #pulse: Heartbeat;
  readonly #pongs = new PongLimit();

  constructor(
    channel: Channel,
    medium: Medium,
    ordinal: number,
    credentials: unknown,
    context: LinkContext<ClientLink>,
  ) {
    const { owner, budgets, codec } = context;
    const { clock, heartbeatMs } = context.options;
    this.medium = medium;
    this.budget = budgets.get(medium) as RetryBudget;
    this.label = `${medium.address}#${ordinal}`;
    this.#channel = channel;
    this.#context = context;
    this.heardAt = clock.now();
    const pump = (): void => this.pump();
    // Where items never leave room, calls must get theirs all the same.
    this.outbox = new Outbox(channel, true, pump, () => this.streams.isBusy && pump());
    const find = (number: number) => owner.streamOn(this, number);
    const nextTurn = (turn: () => void): void => clock.nextTurn(turn);
    // While calls wait for a look they would have to wait for these next, and be looked at again.
    const mustWait = (): boolean => this.#look.isRunning && this.#mayCall;
    this.streams = new LinkStreams(codec, this.outbox, find, nextTurn, mustWait);
    // A stream that flows is no news, and need not be waited for.
    const newsBytes = (): number => this.#heardBytes - this.streams.heardBytes;
    this.#look = new Look(context.options, newsBytes, this.#onLooked.bind(this));
    this.stall = context.patiences?.watch(this, owner);
    this.#pulse = new Heartbeat(this, () => this.#onAlarm(), this.stall, context.options);
    this.asked = owner.inDoubt();
    this.#watermark = new Watermark(owner.settled);
    const hello = helloOf(context, ordinal, credentials, this.#watermark.told, this.asked);
    this.#wire = context.protocol.clientWire(this, hello);
    const lifeSign = () => this.#wire.acknowledge?.(this.#watermark.told, []);
    this.#arrival = new Arrival(
      this.#wire,
      heartbeatMs,
      () => this.#isUp && this.#tell(lifeSign()),
    );
    channel.start(this);
    this.#tell(this.#wire.greeting);
  }

  /** True when calls may be sent, now or as soon as there is room. */
  get isOpen(): boolean {
    return this.#isUp && !this.#isLined && !this.#isLeft && !this.#isGone;
  }

  /** True when the verdicts of this link's server speak for what came to `server` too. */
  speaksFor(server: string): boolean {
    return server === this.server || this.#heirOf.includes(server);
  }

  /** Calls wait, and may be sent here. */
  get #mayCall(): boolean {
    return this.isOpen && this.#context.owner.waiting > 0 && this.inFlight < this.#maxCalls;
  }

  askForLife(): void {
    if (this.#pulse.pings.token === 0) this.#tell(this.#wire.ping(this.#pulse.pings.begin()));
  }

  /** Asks what became of calls that were sent on links which are gone. */
  ask(numbers: readonly number[]): void {
    if (!this.#isGone) this.#tell(this.#wire.ask?.(numbers));
  }

  /** Calls go to another link now; this one ends with the last that is in flight. */
  leave(): void {
    this.#isLeft = true;
    if (this.inFlight === 0) this.close();
  }

  /**
   * Sends what waits: first the look, then the ping if a call needs it, then as many calls as the
   * link takes. Called when something waits, when a write is through, when room has come.
   *
   * @param justHeardAt the present instant, in which the link has shown that it lives
   */
  pump(justHeardAt?: number): void {
    if (this.#isGone || this.outbox.writing) return;
    if (!this.#mayCall || this.stall?.isSuspended || this.#look.isRunning) {
      this.streams.flush();
      return;
    }
    const now = justHeardAt ?? this.#context.options.clock.now();
    if (!this.#look.begin(now, this.heardAt)) this.#send(now);
  }

  /** The server runs this call of an earlier link, or has its answer: it comes on this one. */
  attach(call: LinkedCall): void {
    markSentBefore(call);
    this.inFlight++;
    this.#pulse.watch(this.#context.options.clock.now());
    call.stream?.resume(this.streams);
  }

  /** Nobody waits for this call any more; the server is told, or the link ends. */
  cancel(number: number): void {
    const isOpen = !this.#isGone;
    const message = isOpen ? this.#wire.cancel(number) : undefined;
    // A link that is left, or will be, ends with its last call.
    const mayEnd = this.#isLeft || this.isDraining;
    if (mayEnd) this.#tell(message);
    this.settled();
    if (isOpen && message === undefined) this.destroy(linkFaults.unwanted(this.label));
    else if (!mayEnd) this.#tell(message);
  }

  /** Nobody waits for these calls, which were sent on links that are gone. */
  abandon(numbers: readonly number[]): void {
    for (const number of numbers) this.#tell(this.#wire.cancel(number));
  }

  /** Sends a message that is no call, if the protocol has it. */
  #tell(message: Buffer | undefined): void {
    if (message === undefined) return;
    this.outbox.pushAll(message);
    this.outbox.flush();
  }

  /** One call less is in flight; a link that is left, or whose server goes, ends with the last. */
  settled(): void {
    this.inFlight--;
    if (this.inFlight > 0) return;
    const { owner, protocol } = this.#context;
    if (this.#isLeft) this.close();
    else if (this.isDraining) owner.onDrained(this);
    else if (this.outbox.writing && protocol.maxInFlight === 1)
      this.destroy(linkFaults.earlyAnswer(this.label));
  }

  /** Sends what is in the outbox, then ends; the far side must end soon too. */
  close(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#look.stop();
    // Whoever awaits the end would otherwise wait in a process that has nothing left to do.
    this.#channel.ref();
    this.outbox.finish();
    this.#pulse.alarm.set(this.#context.options.clock.now() + closeTimeoutMs);
  }

  /** A fresh link takes its place: nothing is sent any more; answers may still come for a while. */
  supersede(): void {
    if (this.#isGone) return;
    if (this.#isUp) this.#context.idleLife.died(this.#silenceMs);
    this.outbox.close();
    this.#pulse.stop();
    this.close();
    this.#channel.unref();
  }

  /** Ends now, because of `cause`. */
  destroy(cause: Error | undefined): void {
    this.#isGone = true;
    this.#cause ??= cause;
    this.#look.stop();
    this.#wire.stop();
    this.#channel.destroy();
  }

  onBytes(chunk: Buffer): void {
    const { owner, options, idleLife } = this.#context;
    this.#heardBytes += chunk.length;
    this.heardAt = options.clock.now();
    this.stall?.heard();
    if (this.#silenceMs > 0) {
      idleLife.lived(this.#silenceMs);
      this.#silenceMs = 0;
    }
    try {
      this.#arrival.receive(chunk, this.heardAt);
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    if (owner.waiting > 0) owner.schedule();
  }

  readInto(): Buffer | undefined {
    return this.#wire.readInto();
  }

  onClosed(cause: Error | undefined): void {
    const { owner, options, idleLife } = this.#context;
    this.#pulse.stop();
    this.#look.stop();
    this.outbox.close();
    this.streams.close();
    if (!this.#isGone && this.#isUp) {
      const silentMs = options.clock.now() - this.heardAt;
      idleLife.died(this.inFlight > 0 || this.#look.isVerifying ? this.#silenceMs : silentMs);
    }
    this.#isGone = true;
    owner.onLost(this, bothCauses(this.#cause, cause));
  }

  onHello(hello: ServerHello): void {
    const { owner, protocol, tables } = this.#context;
    this.table = tables.take(hello);
    this.server = hello.server;
    this.knowsLayers = hello.layers === true;
    this.completions = hello.completions ?? hello.server;
    this.#heirOf = hello.heirOf ?? [];
    this.maxFrameBytes = hello.maxFrameBytes;
    this.streams.onHello(hello);
    this.#maxCalls = Math.min(hello.maxCalls, protocol.maxInFlight);
    if (this.#isGone) return;
    this.#isUp = true;
    owner.onUp(this, hello.verdicts ?? []);
  }

  onReply(number: number, value: unknown): void {
    this.isUseful = true;
    this.stall?.answered();
    this.#context.owner.onReply(this, number, value);
  }

  onUndecodable(number: number, error: HoldfastError): void {
    this.#context.owner.onUndecodable(this, number, error);
  }

  onRemoteError(number: number, failure: RemoteFailure): void {
    this.isUseful = true;
    this.#context.owner.onRemoteError(this, number, failure);
  }

  onRefused(number: number, refusal: Refusal): void {
    this.#context.owner.onRefused(this, number, refusal);
  }

  onUnknown(number: number, fate: UnknownFate): void {
    this.#context.owner.onUnknown(this, number, fate);
  }

  onVerdict(number: number, verdict: Verdict): void {
    this.#context.owner.onVerdict(this, number, verdict);
  }

  onPing(token: number): void {
    if (this.#isGone) return;
    this.#pongs.count(this.label, this.outbox.writtenBytes);
    this.#tell(this.#wire.pong?.(token));
  }

  onPong(token: number): void {
    if (token === 0 || token !== this.#pulse.pings.token) throw linkFaults.strayPong(token);
    this.#pulse.ponged(this.heardAt);
    if (!this.#look.isVerifying) return;
    this.#look.isVerifying = false;
    this.pump(this.heardAt);
  }

  onDrain(timeLeftMs: number): void {
    this.isDraining = true;
    this.#context.owner.onDraining(this, timeLeftMs);
  }

  onLine(accepted: number): void {
    this.#isLined = true;
    this.#context.owner.onLine(this, accepted);
    this.leave();
  }

  onFault(error: HoldfastError): void {
    this.destroy(error);
  }

  #onLooked(now: number, sleptMs: number): void {
    if (!this.outbox.writing && this.isOpen) this.#send(now, sleptMs);
    else this.pump();
  }

  /** The last thing before the write, in the same turn. */
  #send(now: number, sleptMs = 0): void {
    const { owner, protocol } = this.#context;
    if (this.#channel.dead) return;
    if (this.inFlight === 0 && !this.#wire.atBoundary) {
      this.destroy(linkFaults.strayBeginning(this.label));
      return;
    }
    const silentMs = now - this.heardAt + sleptMs;
    if (this.inFlight === 0) this.#silenceMs = silentMs;
    if (mustVerify(silentMs, this.#maxCalls - this.inFlight, this.#context)) {
      this.#look.isVerifying = true;
      this.#pulse.ping(now);
      return;
    }
    this.#acknowledge(this.#watermark.due(now));
    while (this.inFlight < this.#maxCalls && this.outbox.backlogBytes < writeBytes) {
      const call = owner.nextCall(this, now);
      if (call === undefined) break;
      call.sentAt = now;
      this.#wire.sending?.(call.number);
      putOut(call, this.outbox, ++this.#calls);
      this.inFlight++;
      call.stream?.open(this.streams);
    }
    if (this.inFlight > 0 && protocol.answersPings === 'always') this.#pulse.watch(now);
    this.streams.flush();
  }

  #acknowledge(news: Acknowledgement | undefined): void {
    const message = news && this.#wire.acknowledge?.(news.number, news.settled);
    if (message !== undefined) this.outbox.pushAll(message);
  }

  /** Nothing was heard for a while, or nothing needs to be: the alarm runs only while calls wait. */
  #onAlarm(): void {
    if (this.#isGone) {
      this.destroy(undefined);
      return;
    }
    const now = this.#context.options.clock.now();
    // Before the link is idle, and with a stream it may never be: the server need not keep it for us.
    this.#acknowledge(this.#watermark.last(now));
    this.outbox.flush();
    if (this.inFlight === 0 && !this.#look.isVerifying) return;
    const silentMs = this.#pulse.beat(now);
    if (silentMs === undefined) return;
    this.#context.idleLife.died(this.#silenceMs);
    this.destroy(linkFaults.silence(this.label, silentMs));
  }
}
