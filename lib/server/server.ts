import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'eventemitter3';
import { MemoryCompletionStore } from '../completions/memory.ts';
import { HoldfastError, type Outcome } from '../errors.ts';
import type { Channel, Listener, Listening, Peer } from '../media/medium.ts';
import { ReplyWriter } from '../protocols/holdfast/reply-writer.ts';
import type { ArrivedCall } from '../protocols/holdfast/server-wire.ts';
import type { ServerHello } from '../protocols/protocol.ts';
import { Alarm, wheelOf } from '../retry/timer-wheel.ts';
import { milliseconds } from '../util/check.ts';
import { tableOf, type VerbRow } from '../verbs/table.ts';
import { Dispatch } from './dispatch.ts';
import type { ServedVerb } from './handlers.ts';
import type { ResolvedServerOptions } from './options.ts';
import { ServerLink, type ServerLinkOwner } from './server-link.ts';
import { Sessions } from './session.ts';

/** A call that a drain cut off. */
export interface CutCall {
  readonly verb: string;
  readonly peer: Peer;
  /** Its handler had begun, so nobody can tell. */
  readonly outcome: Outcome;
}

/** How a drain ended. */
export interface DrainReport {
  /** Calls whose handlers had not finished in time; empty when nothing was lost. */
  readonly cut: readonly CutCall[];
}

/** A server's events and what their listeners are given. */
export interface ServerEvents {
  /** A connection broke the protocol or a limit, and was closed. */
  fault: (event: { readonly peer: Peer; readonly error: HoldfastError }) => void;
  /** A handler threw; the caller gets code and message, this event the whole error. */
  handlerError: (event: { readonly verb: string; readonly error: unknown }) => void;
}

const drainTimeout = milliseconds(1);

/** Serves verbs. Made by {@link serve}; ends with {@link drain} or {@link close}. */
export class Server implements ServerLinkOwner {
  /** @internal */
  readonly options: ResolvedServerOptions;
  /** @internal */
  readonly sessions: Sessions;
  /** @internal */
  readonly writer: ReplyWriter = new ReplyWriter();
  /** @internal */
  readonly hello: ServerHello;
  /** Resolves when the server listens no more and every connection is closed. */
  readonly closed: Promise<void>;
  readonly #dispatch: Dispatch;
  readonly #events = new EventEmitter<ServerEvents>();
  readonly #links = new Set<ServerLink>();
  #listenings: Listening[] = [];
  #urls: readonly string[] = [];
  #drainUntil: number | undefined;
  #isClosed = false;
  #resolveClosed: () => void = () => {};

  /** @internal */
  constructor(served: readonly ServedVerb[], options: ResolvedServerOptions) {
    const { clock, resumeGraceMs, maxRecords, maxFrameBytes, maxCalls } = options;
    this.options = options;
    this.sessions = new Sessions(clock, wheelOf(clock), resumeGraceMs);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    const verbs: VerbRow[] = tableOf(
      Object.fromEntries(served.map(({ name, verb }) => [name, verb])),
    );
    this.hello = { server: randomUUID(), maxFrameBytes, maxCalls, verbs };
    const store = new MemoryCompletionStore(clock, { maxRecords });
    this.#dispatch = new Dispatch(served, options, store, {
      onHandlerError: (verb, error) => this.#emit('handlerError', { verb, error }),
    });
  }

  /** Where clients reach the server, e.g. `["tcp://127.0.0.1:40123"]`. */
  get urls(): readonly string[] {
    return this.#urls;
  }

  /** Connections at the moment. */
  get connections(): number {
    return this.#links.size;
  }

  /** @internal Listens at every address, or at none. */
  async listen(listeners: readonly Listener[]): Promise<void> {
    try {
      for (const listener of listeners) {
        this.#listenings.push(await listener.listen((channel) => this.#onChannel(channel)));
      }
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#urls = Object.freeze(this.#listenings.map(({ url }) => url));
  }

  /**
   * The orderly end: no new connections, no new calls; clients are told and move on; calls that
   * were accepted are finished and answered; then everything closes. What is not done within
   * `timeoutMs` (default 10 s) is cut off and reported.
   */
  async drain({ timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {}): Promise<DrainReport> {
    drainTimeout('timeoutMs', timeoutMs);
    const { clock } = this.options;
    this.#drainUntil = clock.now() + timeoutMs;
    this.#dispatch.isDraining = true;
    const wheel = wheelOf(clock);
    const cut: CutCall[] = [];
    const alarm = new Alarm(wheel, () => {
      for (const { verb, peer } of this.sessions.running())
        cut.push({ verb, peer, outcome: 'unknown' });
      this.#destroyLinks();
    });
    wheel.hold();
    alarm.set(this.#drainUntil);
    await this.#stopListening();
    for (const link of this.#links) link.drain(timeoutMs);
    this.#settle();
    await this.closed;
    alarm.clear();
    wheel.release();
    return { cut };
  }

  /** Ends now: connections are cut, handlers' signals abort. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#stopListening();
    this.#destroyLinks();
    this.sessions.cancelAll('the server was closed');
    this.#settle();
    await this.closed;
  }

  /** Calls `listener` at every such event. */
  on<Name extends keyof ServerEvents>(event: Name, listener: ServerEvents[Name]): this {
    this.#events.on(event, listener as never);
    return this;
  }

  /** Takes a listener off. */
  off<Name extends keyof ServerEvents>(event: Name, listener: ServerEvents[Name]): this {
    this.#events.off(event, listener as never);
    return this;
  }

  /** @internal */
  drainTimeLeftMs(): number | undefined {
    if (this.#drainUntil === undefined) return undefined;
    return Math.max(0, this.#drainUntil - this.options.clock.now());
  }

  /** @internal */
  onCall(link: ServerLink, call: ArrivedCall): void {
    this.#dispatch.onCall(link, call);
  }

  /** @internal */
  onFault(peer: Peer, error: HoldfastError): void {
    this.#emit('fault', { peer, error });
  }

  /** @internal */
  onClosed(link: ServerLink): void {
    this.#links.delete(link);
    this.#settle();
  }

  #onChannel(channel: Channel): void {
    const link = new ServerLink(channel, this);
    this.#links.add(link);
    const { maxConnections } = this.options;
    if (this.#isClosed) link.destroy();
    else if (this.#links.size > maxConnections) {
      const message = `The server has maxConnections (${maxConnections}) connections already`;
      link.fault(new HoldfastError('ERR_HOLDFAST_TOO_MANY_CONNECTIONS', message));
    }
  }

  async #stopListening(): Promise<void> {
    const listenings = this.#listenings;
    this.#listenings = [];
    await Promise.all(listenings.map((listening) => listening.close()));
    this.#isClosed ||= this.#drainUntil === undefined;
  }

  #destroyLinks(): void {
    for (const link of this.#links) link.destroy();
  }

  #settle(): void {
    const isEnding = this.#isClosed || this.#drainUntil !== undefined;
    if (isEnding && this.#links.size === 0 && this.#listenings.length === 0) this.#resolveClosed();
  }

  #emit<Name extends keyof ServerEvents>(
    name: Name,
    event: Parameters<ServerEvents[Name]>[0],
  ): void {
    try {
      this.#events.emit(name, ...([event] as never));
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
