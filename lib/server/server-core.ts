import { randomUUID } from 'node:crypto';
import { MemoryCompletionStore } from '../completions/memory.ts';
import { HoldfastError, type Outcome } from '../errors.ts';
import type { Channel, Listener, Listening, Peer } from '../media/medium.ts';
import { encodeServerHello, maxResumed } from '../protocols/holdfast/hello.ts';
import { ReplyWriter } from '../protocols/holdfast/reply-writer.ts';
import type { ArrivedCall } from '../protocols/holdfast/server-wire.ts';
import type { ServerHello } from '../protocols/protocol.ts';
import { Alarm, type TimerWheel, wheelOf } from '../retry/timer-wheel.ts';
import { tableOf } from '../verbs/table.ts';
import type { AnswersListener } from './answers.ts';
import { Dispatch } from './dispatch.ts';
import type { ServedVerb } from './handlers.ts';
import type { ResolvedServerOptions } from './options.ts';
import { RecordBudget } from './records.ts';
import { ServerLink, type ServerLinkOwner } from './server-link.ts';
import { type SessionContext, Sessions } from './session.ts';

/** A call that a drain cut off. */
export interface CutCall {
  readonly verb: string;
  readonly peer: Peer;
  /** Its handler had begun, so nobody can tell. */
  readonly outcome: Outcome;
}

/** Who hears of what happens. */
export interface ServerListener extends AnswersListener {
  onFault(peer: Peer, error: HoldfastError): void;
}

/** The listeners, links and sessions of one server, and its end. */
export class ServerCore implements ServerLinkOwner {
  readonly options: ResolvedServerOptions;
  readonly sessions: Sessions;
  readonly hello: ServerHello;
  /** Resolves when nothing listens any more and every connection is closed. */
  readonly closed: Promise<void>;
  readonly links: Set<ServerLink> = new Set();
  readonly #dispatch: Dispatch;
  readonly #listener: ServerListener;
  readonly #wheel: TimerWheel;
  #listenings: Listening[] = [];
  #drainUntil: number | undefined;
  #isClosed = false;
  #resolveClosed: () => void = () => {};

  constructor(
    served: readonly ServedVerb[],
    options: ResolvedServerOptions,
    listener: ServerListener,
  ) {
    const { clock, maxRecords, maxFrameBytes, maxCalls } = options;
    const { resumeGraceMs, keepSessionsMs, maxSessions, maxRecordedBytes } = options;
    this.options = options;
    this.#listener = listener;
    this.#wheel = wheelOf(clock);
    const context: SessionContext = {
      clock,
      wheel: this.#wheel,
      writer: new ReplyWriter(),
      budget: new RecordBudget(maxRecordedBytes),
      resumeGraceMs,
      keepSessionsMs,
    };
    this.sessions = new Sessions(context, maxSessions);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    const verbs = tableOf(Object.fromEntries(served.map(({ name, verb }) => [name, verb])));
    this.hello = { server: randomUUID(), maxFrameBytes, maxCalls, verbs };
    // A table that does not fit is found now and not by the first client that asks for much.
    encodeServerHello({ ...this.hello, verdicts: new Array(maxResumed).fill('forgotten') });
    const store = new MemoryCompletionStore(clock, { maxRecords });
    this.#dispatch = new Dispatch(served, options, store, listener);
  }

  /** Listens at every address, or at none; gives the URLs. */
  async listen(listeners: readonly Listener[]): Promise<readonly string[]> {
    try {
      for (const listener of listeners) {
        this.#listenings.push(await listener.listen((channel) => this.#onChannel(channel)));
      }
    } catch (error) {
      await this.close();
      throw error;
    }
    return Object.freeze(this.#listenings.map(({ url }) => url));
  }

  /** Finishes what was accepted; what is not done in time is cut off and named. */
  async drain(timeoutMs: number): Promise<CutCall[]> {
    const drainUntil = this.options.clock.now() + timeoutMs;
    this.#drainUntil = drainUntil;
    this.#dispatch.isDraining = true;
    const cut: CutCall[] = [];
    const nameRunning = (): void => {
      for (const { verb, peer } of this.sessions.running()) {
        cut.push({ verb, peer, outcome: 'unknown' });
      }
    };
    const alarm = new Alarm(this.#wheel, () => {
      nameRunning();
      this.sessions.cancelAll('the server drained and its time was over');
      this.#destroyLinks();
    });
    this.#wheel.hold();
    alarm.set(drainUntil);
    await this.#stopListening();
    for (const link of this.links) link.drain(timeoutMs);
    this.#settle();
    await this.closed;
    nameRunning();
    this.sessions.endAll();
    alarm.clear();
    this.#wheel.release();
    return cut;
  }

  /** Cuts everything off. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#stopListening();
    this.#destroyLinks();
    this.sessions.cancelAll('the server was closed');
    this.#settle();
    await this.closed;
    this.sessions.endAll();
  }

  drainTimeLeftMs(): number | undefined {
    if (this.#drainUntil === undefined) return undefined;
    return Math.max(0, this.#drainUntil - this.options.clock.now());
  }

  onCall(link: ServerLink, call: ArrivedCall): void {
    this.#dispatch.onCall(link, call);
  }

  onFault(peer: Peer, error: HoldfastError): void {
    this.#listener.onFault(peer, error);
  }

  onClosed(link: ServerLink): void {
    this.links.delete(link);
    this.#settle();
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

  async #stopListening(): Promise<void> {
    const listenings = this.#listenings;
    this.#listenings = [];
    await Promise.all(listenings.map((listening) => listening.close()));
  }

  #destroyLinks(): void {
    for (const link of this.links) link.destroy();
  }

  #settle(): void {
    const isEnding = this.#isClosed || this.#drainUntil !== undefined;
    if (isEnding && this.links.size === 0 && this.#listenings.length === 0) this.#resolveClosed();
  }
}
