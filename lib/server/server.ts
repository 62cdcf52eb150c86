import { EventEmitter } from 'eventemitter3';
import type { HoldfastError } from '../errors.ts';
import type { Listener, Peer } from '../media/medium.ts';
import { type Route, Routes } from '../observe/routes.ts';
import { ServerWatches } from '../observe/server-watch.ts';
import { type Checks, milliseconds, resolveOptions } from '../util/check.ts';
import { emitSafely } from '../util/emit.ts';
import type { PublishedTable } from '../verbs/table.ts';
import type { ServedVerb } from './handlers.ts';
import type { ResolvedServerOptions } from './options.ts';
import { type CutCall, ServerCore, type ServerListener } from './server-core.ts';

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
  /** The completion store failed or took too long; `verb` is the call's that needed it. */
  storeError: (event: { readonly verb: string; readonly error: unknown }) => void;
}

/** How a drain goes. Durations are milliseconds. */
export interface DrainOptions {
  /** All of it takes no longer than this. Default 10 s. */
  readonly timeoutMs?: number;
  /**
   * For so long calls are still taken, while clients open other links. 0: none are taken from the
   * beginning. Default 1 s, or half of `timeoutMs` if that is less.
   */
  readonly noticeMs?: number;
}

const drainChecks: Checks<DrainOptions> = { timeoutMs: milliseconds(1), noticeMs: milliseconds() };

/** Serves verbs. Made by {@link serve}; ends with {@link drain} or {@link close}. */
export class Server {
  readonly #core: ServerCore;
  readonly #watches: ServerWatches;
  readonly #events = new EventEmitter<ServerEvents>();
  #urls: readonly string[] = [];

  /** @internal */
  constructor(served: readonly ServedVerb[], options: ResolvedServerOptions) {
    this.#watches = new ServerWatches(this, new Routes(options.clock));
    const listener: ServerListener = {
      onFault: (peer, error) => emitSafely(this.#events, 'fault', { peer, error }),
      onHandlerError: (verb, error) => emitSafely(this.#events, 'handlerError', { verb, error }),
      onStoreError: (error, verb) => emitSafely(this.#events, 'storeError', { verb, error }),
    };
    this.#core = new ServerCore(served, options, listener, this.#watches);
  }

  /** @internal */
  get core(): ServerCore {
    return this.#core;
  }

  /** Where clients reach the server, e.g. `["tcp://127.0.0.1:40123"]`. */
  get urls(): readonly string[] {
    return this.#urls;
  }

  /** What the server publishes of its verbs. */
  get verbs(): PublishedTable {
    const { table = '', verbs = [] } = this.#core.hello;
    return { hash: table, verbs };
  }

  /** How many connections there are. */
  get connections(): number {
    return this.#core.links.size;
  }

  /**
   * The figures of each verb that was called, over the last minute. *Effective* are the calls that
   * ran, *actual* what came: refused calls and repeats too.
   */
  routes(): Route[] {
    this.#watches.countAnswered();
    return this.#watches.routes.rows();
  }

  /** Resolves when the server listens no more and every connection is closed. */
  get closed(): Promise<void> {
    return this.#core.closed;
  }

  /** @internal */
  async listen(listeners: readonly Listener[]): Promise<void> {
    this.#urls = await this.#core.listen(listeners);
  }

  /**
   * The orderly end: no new connections; clients are told and open another link; after `noticeMs`
   * no new calls are taken here; calls that were accepted are finished and answered; then everything
   * closes. What is not done within `timeoutMs` is cut off and reported. A drain that runs already
   * goes on as it began.
   */
  async drain(options: DrainOptions = {}): Promise<DrainReport> {
    const { timeoutMs = 10_000, noticeMs = Math.min(1_000, timeoutMs / 2) } = resolveOptions(
      'drain option',
      options,
      {},
      drainChecks,
    );
    return { cut: await this.#core.drain({ timeoutMs, noticeMs }) };
  }

  /** Ends now: connections are cut, handlers' signals abort. */
  async close(): Promise<void> {
    await this.#core.close();
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
}
