import { randomUUID } from 'node:crypto';
import { HoldfastError, type Outcome } from '../errors.ts';
import type { Channel, Listener, Listening, Peer } from '../media/medium.ts';
import type { ServerWatches } from '../observe/server-watch.ts';
import { encodeServerHello } from '../protocols/holdfast/hello.ts';
import { packTable } from '../protocols/holdfast/packed-table.ts';
import { ReplyWriter } from '../protocols/holdfast/reply-writer.ts';
import type { ArrivedCall } from '../protocols/holdfast/server-wire.ts';
import { maxResumed } from '../protocols/holdfast/verdicts.ts';
import type { ServerHello } from '../protocols/protocol.ts';
import { Alarm, type TimerWheel, wheelOf } from '../retry/timer-wheel.ts';
import { tableOf } from '../verbs/table.ts';
import { Answers, type AnswersListener } from './answers.ts';
import { completionsIdOf } from './completions-id.ts';
import { Dispatch } from './dispatch.ts';
import type { ServedVerb } from './handlers.ts';
import { Heir } from './heir.ts';
import type { ServerLinkOwner } from './link-owner.ts';
import { Notices } from './notices.ts';
import { OnceRunner } from './once-runner.ts';
import type { ResolvedServerOptions } from './options.ts';
import { OwnStore } from './own-store.ts';
import { type Answer, type Estate, predecessorOf } from './predecessor.ts';
import { RecordBudget } from './records.ts';
import type { RunningCall } from './running-call.ts';
import { ServerLink } from './server-link.ts';
import type { SessionContext } from './session.ts';
import { Sessions } from './sessions.ts';

/** A call that a drain cut off. */
export interface CutCall {
  readonly verb: string;
  readonly peer: Peer;
  /** `unknown`: its handler had begun. `executed`: it had ended, and items were on their way. */
  readonly outcome: Outcome;
}

/** How long a drain may take. */
export interface DrainBounds {
  /** What is not done by then is cut off. */
  readonly timeoutMs: number;
  /** For so long calls are still taken, while clients open other links. */
  readonly noticeMs: number;
  /** A successor has the sockets: they are released, and it gets what is left at the end. */
  readonly successor?: {
    /** All is done here: takes the sessions that were not claimed. Never rejects. */
    onDone(): Promise<unknown>;
  };
}

/** Who hears of what happens. */
export interface ServerListener extends AnswersListener {
  onFault(peer: Peer, error: HoldfastError): void;
  /** A completion store failed; `verb` is the call's that needed it. */
  onStoreError(error: unknown, verb: string): void;
}

/** The listeners, links and sessions of one server, and its end. */
export class ServerCore implements ServerLinkOwner<ServerLink> {
  readonly options: ResolvedServerOptions;
  readonly sessions: Sessions;
  heir: Heir | undefined;
  #hello: ServerHello;
  /** Where records of `once` calls are kept when no store was given. */
  readonly ownStore: OwnStore | undefined;
  readonly #completionsId: () => string;
  /** Resolves when nothing listens any more and every connection is closed. */
  readonly closed: Promise<void>;
  readonly links: Set<ServerLink> = new Set();
  readonly #dispatch: Dispatch;
  readonly #watches: ServerWatches;
  readonly #once: OnceRunner;
  readonly #listener: ServerListener;
  readonly #wheel: TimerWheel;
  readonly #context: SessionContext;
  #drained: Promise<readonly CutCall[]> | undefined;
  readonly #cut: CutCall[] = [];
  #listenings: Listening[] = [];
  #drainUntil: number | undefined;
  #isClosed = false;
  #resolveClosed: () => void = () => {};

  constructor(
    served: readonly ServedVerb[],
    options: ResolvedServerOptions,
    listener: ServerListener,
    watches: ServerWatches,
  ) {
    const { clock, maxRecords, maxFrameBytes, maxCalls } = options;
    const { resumeGraceMs, keepSessionsMs, maxSessions, maxRecordedBytes } = options;
    this.options = options;
    this.#listener = listener;
    this.#wheel = wheelOf(clock);
    this.#context = {
      clock,
      wheel: this.#wheel,
      writer: new ReplyWriter(),
      budget: new RecordBudget(maxRecordedBytes),
      resumeGraceMs,
      keepSessionsMs,
      maxOutgoingBytes: options.maxOutgoingBytes,
      hasPredecessor: false,
      isEnding: false,
      onIdle: () => this.#settle(),
      onCut: (call) => this.#noteCut(call),
    };
    this.sessions = new Sessions(this.#context, maxSessions);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    if (options.completions === undefined) {
      this.ownStore = new OwnStore(clock, { maxRecords, maxBytes: options.maxOnceBytes });
    }
    const store = options.completions ?? (this.ownStore as OwnStore);
    this.#completionsId = () => completionsIdOf(served, store);
    const verbs = tableOf(Object.fromEntries(served.map(({ name, verb }) => [name, verb])));
    const completions = this.#completionsId();
    const server = randomUUID();
    const { hash: table } = packTable(verbs);
    const limits = { maxFrameBytes, maxCalls };
    this.#hello = { server, ...limits, verbs, table, completions, layers: true, streams: true };
    // A table that does not fit is found now and not by the first client that asks for much.
    encodeServerHello({ ...this.#hello, verdicts: new Array(maxResumed).fill('forgotten') });
    const answers = new Answers(listener);
    this.#once = new OnceRunner(
      {
        store,
        owner: server,
        clock,
        wheel: this.#wheel,
        timeoutMs: options.storeTimeoutMs,
        maxReplyBytes: options.maxOnceReplyBytes,
        onStoreError: (error, verb) => listener.onStoreError(error, verb),
      },
      answers,
    );
    this.#watches = watches;
    this.#dispatch = new Dispatch(served, options, answers, this.#once, watches);
  }

  /**
   * Listens at every address, or at none; gives the URLs. With an inherited socket comes the server
   * that had it before, if there was one.
   */
  async listen(listeners: readonly Listener[]): Promise<readonly string[]> {
    const predecessor = predecessorOf(listeners);
    if (predecessor !== undefined) {
      this.#context.hasPredecessor = true;
      const { sessions, ownStore } = this;
      this.heir = new Heir(predecessor, sessions, ownStore, () => this.#onStoreMoved());
    }
    try {
      for (const listener of listeners) {
        this.#listenings.push(await listener.listen((channel) => this.#onChannel(channel)));
      }
      await this.heir?.start();
    } catch (error) {
      await this.close();
      throw error;
    }
    return Object.freeze(this.#listenings.map(({ url }) => url));
  }

  /**
   * The orderly end, in two steps: clients are told that the server goes soon, and open another link;
   * then the last accepted line is drawn. What was accepted is finished; what is not done in time is
   * cut off and named.
   */
  drain(bounds: DrainBounds): Promise<readonly CutCall[]> {
    this.#drained ??= this.#drain(bounds);
    return this.#drained;
  }

  async #drain({ timeoutMs, noticeMs, successor }: DrainBounds): Promise<readonly CutCall[]> {
    const { clock } = this.options;
    const startedAt = clock.now();
    const drainUntil = startedAt + timeoutMs;
    this.#drainUntil = drainUntil;
    this.#context.isEnding = true;
    const end = new Alarm(this.#wheel, () => {
      const destroy = (): void => this.#destroyLinks();
      // What is refused goes out in the next tick, and is then done elsewhere.
      const isRefused = this.#dispatch.refuseWaiting();
      this.#cutAll('the server drained and its time was over');
      if (isRefused) process.nextTick(destroy);
      else destroy();
    });
    const line = new Alarm(this.#wheel, () => this.#drawLines());
    this.#wheel.hold();
    end.set(drainUntil);
    await this.#stopListening(successor !== undefined);
    const notices = new Notices<ServerLink>(clock, this.#wheel, (link) => {
      link.drain(Math.max(0, drainUntil - clock.now()));
    });
    notices.start(this.links, noticeMs / 2);
    if (noticeMs > 0) line.set(startedAt + noticeMs);
    else this.#drawLines();
    this.#settle();
    await this.closed;
    end.clear();
    line.clear();
    notices.stop();
    await successor?.onDone();
    this.#end();
    this.#wheel.release();
    return this.#cut;
  }

  /** Cuts everything off. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#stopListening();
    this.#destroyLinks();
    this.#cutAll('the server was closed');
    this.#settle();
    await this.closed;
    if (this.#drained === undefined) this.#end();
  }

  /** What listens, for a successor. */
  get listenings(): readonly Listening[] {
    return this.#listenings;
  }

  /** What the server says of itself. */
  get hello(): ServerHello {
    return this.#hello;
  }

  /** True from the beginning of a drain, and when closed. */
  get isEnding(): boolean {
    return this.#isClosed || this.#drained !== undefined;
  }

  /** Gives a session to a successor; undefined when it is not known here. See {@link Session}. */
  giveAway(
    id: string,
    onAnswer: (number: number, answer: Answer | undefined) => void = () => {},
  ): Estate | undefined {
    const session = this.sessions.get(id);
    return session?.isGivenAway === false ? session.giveAway(onAnswer) : undefined;
  }

  #end(): void {
    this.heir?.stop();
    this.sessions.endAll();
    this.#once.stop();
  }

  drainTimeLeftMs(): number | undefined {
    if (this.#drainUntil === undefined) return undefined;
    return Math.max(0, this.#drainUntil - this.options.clock.now());
  }

  onCall(link: ServerLink, call: ArrivedCall): void {
    this.#dispatch.onCall(link, call);
  }

  onRead(): void {
    this.#watches.countAnswered();
  }

  onFault(peer: Peer, error: HoldfastError): void {
    this.#listener.onFault(peer, error);
  }

  onClosed(link: ServerLink): void {
    this.links.delete(link);
    this.#settle();
  }

  /** The records of `once` calls are another set now; clients learn it by coming again. */
  #onStoreMoved(): void {
    const completions = this.#completionsId();
    if (completions === this.#hello.completions) return;
    this.#hello = { ...this.#hello, completions };
    for (const link of this.links) if (link.session !== undefined) link.destroy();
  }

  #onChannel(channel: Channel): void {
    const link = new ServerLink(channel, this);
    this.links.add(link);
    if (this.#isClosed) link.destroy();
    else if (this.links.size > this.options.maxConnections) this.#turnAway(link);
  }

  #turnAway(link: ServerLink): void {
    const { maxConnections } = this.options;
    // Links that were given up stay for a moment, until the reason is through, and hold no place.
    let open = 0;
    for (const { isOpen } of this.links) if (isOpen) open++;
    if (open <= maxConnections) return;
    if (this.links.size > 2 * maxConnections) {
      link.destroy();
      return;
    }
    const message = `The server has maxConnections (${maxConnections}) connections already`;
    link.fault(new HoldfastError('ERR_HOLDFAST_TOO_MANY_CONNECTIONS', message));
  }

  async #stopListening(isHandedOver = false): Promise<void> {
    const listenings = this.#listenings;
    this.#listenings = [];
    await Promise.all(
      listenings.map((listening) => {
        const { release } = listening;
        return isHandedOver && release !== undefined ? release.call(listening) : listening.close();
      }),
    );
  }

  #drawLines(): void {
    for (const link of this.links) link.drawLine();
  }

  /** Ends what runs, and notes it. */
  #cutAll(why: string): void {
    for (const call of this.sessions.running()) this.#noteCut(call);
    for (const call of this.sessions.afar()) this.#cut.push({ ...call, outcome: 'unknown' });
    this.sessions.cancelAll(why);
  }

  #noteCut({ verb, peer, streams, waiting }: RunningCall): void {
    // Of what has not begun nothing is cut: its client is told that it never ran, and calls again.
    if (waiting !== undefined) return;
    const outcome = streams?.isDelivering === true ? 'executed' : 'unknown';
    this.#cut.push({ verb, peer, outcome });
  }

  #destroyLinks(): void {
    for (const link of this.links) link.destroy();
  }

  #settle(): void {
    const isEnding = this.#isClosed || this.#drainUntil !== undefined;
    if (!isEnding || this.links.size > 0 || this.#listenings.length > 0) return;
    if (this.sessions.isIdle) this.#resolveClosed();
  }
}
