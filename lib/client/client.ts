import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'eventemitter3';
import { type AttemptRecord, isHoldfastError } from '../errors.ts';
import { ambientLayer, type Layer } from '../layers/layer.ts';
import { wasRetried } from '../layers/retried.ts';
import type { Medium } from '../media/medium.ts';
import { mediumOf } from '../media/url.ts';
import { CallWatch } from '../observe/call-watch.ts';
import { areClientCallsHeard, channels } from '../observe/channels.ts';
import type { Route, Routes } from '../observe/routes.ts';
import { sessionBytes } from '../protocols/holdfast/hello.ts';
import { IdleLife } from '../retry/idle-life.ts';
import { wheelOf } from '../retry/timer-wheel.ts';
import type { ItemSource } from '../streams/item-source.ts';
import { optionError, show } from '../util/check.ts';
import { emitSafely, tellSafely } from '../util/emit.ts';
import { defineVerbs } from '../verbs/define.ts';
import type { HedgeOptions } from '../verbs/hedge.ts';
import { type PublishedTable, tableOf } from '../verbs/table.ts';
import type { Verbs } from '../verbs/verb.ts';
import { budgetsFor } from './budgets.ts';
import type { CallStream } from './call-stream.ts';
import type { CallMethods, HistoryMethods } from './call-types.ts';
import type { ClientEvents, ClientState } from './events.ts';
import { closedError } from './failures.ts';
import { checkHedge, Hedging, mayBeHedged } from './hedging.ts';
import type { ItemStream } from './item-stream.ts';
import { Links } from './links.ts';
import type { LinksListener } from './links-surroundings.ts';
import { howOf } from './observing.ts';
import {
  type CallOptions,
  type ClientOptions,
  type GivenOptions,
  type ReadyOptions,
  resolveCallOptions,
  resolveClientOptions,
  resolveReadyOptions,
  resolveStreamOptions,
  type StreamOptions,
} from './options.ts';
import { checkNames } from './reconcile.ts';
import { checkInput, InputChecks } from './schemas.ts';
import { checkStreams, type Method, StreamCalls } from './stream-calls.ts';
import { type ServerTable, Tables } from './tables.ts';
import { checkOnce, VerbUse } from './verb-use.ts';
import { optionsWithin, tooLateWithin } from './within.ts';

/** A client as a handler uses it for the sake of the call that it serves. */
export type CallsWithin<V extends Verbs = Verbs> = Pick<Client<V>, 'call' | 'invoke'>;

/**
 * Calls a server's verbs, over one connection that it makes when it is needed and makes again when
 * it is lost. Made by {@link connect}; ends with {@link close} or {@link destroy}. An idle client
 * does not keep the process alive; a pending call does.
 */
export class Client<V extends Verbs = Verbs> {
  /** One method for each verb of the registry; empty without a registry. */
  readonly call: CallMethods<V>;
  /**
   * The same methods, which resolve to `{ value, attempts }`. When such a call fails, the attempts
   * are in the error, as those of every call.
   */
  readonly withHistory: HistoryMethods<V>;
  /** Resolves when everything is closed, with the reason that was given to `destroy`. */
  readonly closed: Promise<Error | undefined>;
  readonly #events = new EventEmitter<ClientEvents>();
  readonly #links: Links;
  readonly #hedging: Hedging;
  readonly #streams: StreamCalls;
  readonly #hedge: HedgeOptions | undefined;
  readonly #uses = new Map<string, VerbUse>();
  readonly #tables: Tables;
  readonly #routes: Routes;
  readonly #timeoutMs: number;
  readonly #inputs: InputChecks;
  #isClosing = false;

  /** @internal */
  constructor(
    target: string | Medium | readonly (string | Medium)[],
    verbs?: V,
    given?: ClientOptions<NoInfer<V>>,
  ) {
    const options = resolveClientOptions(given as ClientOptions | undefined);
    const registry = verbs === undefined ? undefined : defineVerbs(verbs);
    if (registry !== undefined) {
      checkNames(options.reconcile, registry);
      checkOnce(registry, options.protocol);
      checkStreams(registry, options.protocol);
    }
    const media = (Array.isArray(target) ? target : [target]).map(toMedium);
    if (media.length === 0)
      throw optionError('connect needs at least one URL or medium, got an empty list');
    let onClosed: LinksListener['onClosed'] = () => {};
    this.closed = new Promise((resolve) => {
      onClosed = (reason) => void this.#hedging.close().then(() => resolve(reason));
    });
    this.#timeoutMs = options.timeoutMs;
    this.#inputs = new InputChecks(options.clock, wheelOf(options.clock));
    this.#tables = new Tables(options.protocol.hasSessions);
    const codec = options.protocol.streamCodec?.();
    const shared = {
      protocol: options.protocol,
      codec,
      session: randomBytes(sessionBytes),
      idleLife: new IdleLife(),
      tables: this.#tables,
      budgets: budgetsFor(media, options),
    };
    this.#links = new Links(media, options, shared, {
      onState: (event) => emitSafely(this.#events, 'state', event),
      onReconnecting: (event) => emitSafely(this.#events, 'reconnecting', event),
      onReplay: (event) => emitSafely(this.#events, 'replay', event),
      onDraining: (event) => emitSafely(this.#events, 'draining', event),
      onLinkUp: (link) => channels.clientLinkUp.publish({ client: this, link }),
      onLinkDown: (link, reason) => channels.clientLinkDown.publish({ client: this, link, reason }),
      onClosed,
    });
    this.#hedging = new Hedging(media, options, shared, this.#links);
    this.#hedge = options.hedge;
    this.#routes = this.#links.calls.routes;
    for (const row of tableOf(registry ?? {})) {
      this.#uses.set(row.name, new VerbUse(row.name, row, registry?.[row.name]));
    }
    this.#streams = new StreamCalls(codec, options, (use, input, given, layer, stream) =>
      this.#start(use, input, given as CallOptions, undefined, layer, stream),
    );
    this.call = this.#methods(
      (use) => this.#streams.methodOf(use) ?? ((input, given) => this.#start(use, input, given)),
    );
    this.withHistory = this.#methods((use) => {
      if (use.row.kind !== 'unary') return undefined;
      return async (input, given) => {
        const attempts: AttemptRecord[] = [];
        return { value: await this.#start(use, input, given, attempts), attempts };
      };
    });
  }

  /** @internal */
  within(layer: Layer): CallsWithin<V> {
    const methodOf = (use: VerbUse) =>
      this.#streams.methodOf(use, layer) ??
      ((input: unknown, given?: CallOptions) => this.#start(use, input, given, undefined, layer));
    // Methods are made as they are asked for: a handler needs few of them.
    const find = (_: object, name: string | symbol): unknown => {
      const use = this.#uses.get(name as string);
      return use === undefined ? undefined : methodOf(use);
    };
    return {
      call: new Proxy({}, { get: find }) as CallMethods<V>,
      invoke: (verb, input, given) =>
        this.#start(this.#useOf(verb), input, given, undefined, layer),
    };
  }

  /** What the client does at the moment. */
  get state(): ClientState {
    return this.#links.state;
  }

  /** How many calls have not settled. */
  get pending(): number {
    return this.#links.calls.pending;
  }

  /**
   * Calls a verb by its name, without types and without a registry: the server's own table says
   * what may be repeated. A name that the server does not have fails with
   * `ERR_HOLDFAST_UNKNOWN_VERB`.
   */
  invoke(verb: string, input?: unknown, options?: CallOptions): Promise<unknown> {
    return this.#start(this.#useOf(verb), input, options);
  }

  /**
   * Calls a verb with streams by its name, without types and without a registry. A verb that takes
   * items is given `items`. At the end the iterator's result has the output, for a verb that has one.
   */
  stream(
    verb: string,
    input?: unknown,
    options: StreamOptions & { readonly items?: ItemSource<unknown> } = {},
  ): ItemStream {
    return this.#streams.untyped(this.#uses.get(verb) ?? verb, input, options);
  }

  /**
   * Resolves as soon as a link is up. Rejects when that cannot be (wrong version, permission
   * denied), or after `timeoutMs` (default: the client's), or when the client is closed.
   */
  async ready(options?: ReadyOptions): Promise<void> {
    if (this.#isClosing) throw closedError();
    await this.#links.ready(resolveReadyOptions(options, this.#timeoutMs));
  }

  /**
   * The verbs that the server publishes, with their classes and settings; of several servers, the
   * table of the one that said hello last. Dials if there is no link, and rejects as
   * {@link ready} does.
   */
  async verbs(options?: ReadyOptions): Promise<PublishedTable> {
    await this.ready(options);
    return (this.#tables.latest as ServerTable).published();
  }

  /**
   * The figures of each verb that was called, over the last minute: what callers saw and what
   * attempts came to.
   */
  routes(): Route[] {
    return this.#routes.rows();
  }

  /** Takes no new calls, waits until the pending ones have settled, then ends. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#inputs.whenIdle(() => this.#links.close());
    await this.closed;
  }

  /** Ends now. What is pending fails with `ERR_HOLDFAST_CLOSED` and says what is known of it. */
  destroy(reason?: Error): void {
    this.#isClosing = true;
    this.#inputs.failAll((verb) => closedError(verb.name));
    this.#links.destroy(reason);
    this.#hedging.destroy(reason);
  }

  /** Calls `listener` at every such event. */
  on<Name extends keyof ClientEvents>(event: Name, listener: ClientEvents[Name]): this {
    this.#events.on(event, listener as never);
    return this;
  }

  /** Calls `listener` at the next such event. */
  once<Name extends keyof ClientEvents>(event: Name, listener: ClientEvents[Name]): this {
    this.#events.once(event, listener as never);
    return this;
  }

  /** Takes a listener off. */
  off<Name extends keyof ClientEvents>(event: Name, listener: ClientEvents[Name]): this {
    this.#events.off(event, listener as never);
    return this;
  }

  #methods<Methods>(methodOf: (use: VerbUse) => Method | undefined): Methods {
    const methods: Record<string, Method> = {};
    for (const [name, use] of this.#uses) {
      const method = methodOf(use);
      if (method !== undefined) methods[name] = method;
    }
    return Object.freeze(methods) as Methods;
  }

  /** Of a verb that is not in the registry the server's own row holds, as soon as it is known. */
  #useOf(verb: string): VerbUse {
    const known = this.#uses.get(verb);
    if (known?.row.kind === 'unary') return known;
    const use = new VerbUse(typeof verb === 'string' ? verb : show(verb));
    const { latest } = this.#tables;
    if (latest !== undefined) use.follow(latest);
    return use;
  }

  #start(
    use: VerbUse,
    input: unknown,
    given: CallOptions | undefined,
    history?: AttemptRecord[],
    layer: Layer | undefined = ambientLayer(),
    stream?: CallStream,
  ): Promise<unknown> {
    if (this.#isClosing) return Promise.reject(closedError(use.name));
    let options: CallOptions | undefined;
    if (given !== undefined) {
      try {
        options = stream === undefined ? resolveCallOptions(given) : resolveStreamOptions(given);
        if (options.hedge) checkHedge(use);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    if (layer !== undefined) return this.#startWithin(layer, use, input, options, history, stream);
    return this.#started(use, input, options, history, stream);
  }

  #started(
    use: VerbUse,
    input: unknown,
    options: CallOptions | undefined,
    history: AttemptRecord[] | undefined,
    stream: CallStream | undefined,
  ): Promise<unknown> {
    const watch = this.#watchOf(use, options, history);
    const call = use.isPlain
      ? this.#promise(use, input, options, watch, stream)
      : this.#checked(use, input, options, watch, stream);
    return watch === undefined ? call : watch.until(call);
  }

  /** Makes a call for the sake of another. */
  async #startWithin(
    layer: Layer,
    use: VerbUse,
    input: unknown,
    given: CallOptions | undefined,
    history: AttemptRecord[] | undefined,
    stream: CallStream | undefined,
  ): Promise<unknown> {
    if (layer.remainingMs <= 0) throw tooLateWithin(use.name);
    const { options, release } = optionsWithin(layer, given);
    try {
      return await this.#started(use, input, options, history, stream);
    } catch (error) {
      if (wasRetried(error)) layer.onRetried();
      throw error;
    } finally {
      release();
    }
  }

  /** Follows the call if somebody wants to hear of it. */
  #watchOf(
    use: VerbUse,
    options: CallOptions | undefined,
    history: AttemptRecord[] | undefined,
  ): CallWatch | undefined {
    const onAttempt = options?.onAttempt;
    const isWatched =
      onAttempt !== undefined ||
      history !== undefined ||
      this.#events.listenerCount('attempt') > 0 ||
      areClientCallsHeard();
    if (!isWatched) return undefined;
    return new CallWatch(this, use.name, this.#routes.clock, (attempt) => {
      history?.push(attempt);
      if (onAttempt !== undefined) tellSafely(onAttempt, attempt);
      emitSafely(this.#events, 'attempt', { verb: use.name, ...attempt });
    });
  }

  /** A call whose input is looked at first: what its caller sees depends on that too. */
  async #checked(
    use: VerbUse,
    input: unknown,
    options: CallOptions | undefined,
    watch: CallWatch | undefined,
    stream: CallStream | undefined,
  ): Promise<unknown> {
    const { clock } = this.#routes;
    const madeAt = clock.now();
    const figures = this.#routes.of(use.name);
    try {
      const check = checkInput(use, input);
      const within = check === undefined ? options : await this.#until(check, use, options, stream);
      const output = await this.#promise(use, input, within, watch, stream);
      figures.settled(clock.now(), clock.now() - madeAt, 'well');
      return output;
    } catch (error) {
      const how = isHoldfastError(error) ? howOf(error.outcome) : 'failed';
      figures.settled(clock.now(), clock.now() - madeAt, how);
      throw error;
    }
  }

  /** Waits for a look at an input; the call gets what is left of its time. */
  async #until(
    check: Promise<void>,
    use: VerbUse,
    options: GivenOptions | undefined,
    stream: CallStream | undefined,
  ): Promise<GivenOptions> {
    const { clock } = this.#routes;
    const startedAt = clock.now();
    const ownMs = options?.timeoutMs ?? use.row.settings.timeoutMs ?? options?.mostMs;
    const chosenMs = ownMs ?? this.#timeoutMs;
    const timeoutMs = Math.min(chosenMs, options?.mostMs ?? chosenMs);
    await this.#inputs.wait(use, check, { timeoutMs, signal: options?.signal });
    // A stream has no deadline by itself.
    if (stream !== undefined && ownMs === undefined) return { ...options };
    return { ...options, mostMs: Math.max(0, timeoutMs - (clock.now() - startedAt)) };
  }

  #promise(
    use: VerbUse,
    input: unknown,
    options: CallOptions | undefined,
    watch: CallWatch | undefined,
    stream: CallStream | undefined,
  ): Promise<unknown> {
    const hedge = stream === undefined && (options?.hedge ?? use.hedge ?? this.#hedge);
    let resolve!: (value: unknown) => void;
    let reject!: (error: unknown) => void;
    // So short a function is compiled into this one; a longer would be made anew for each call.
    const promise = new Promise<unknown>((whenGood, whenBad) => {
      resolve = whenGood;
      reject = whenBad;
    });
    try {
      if (hedge && this.#hedging.isPossible && mayBeHedged(use)) {
        this.#hedging.race({ verb: use, input, options, watch, hedge, resolve, reject });
      } else {
        this.#links.calls.start(use, input, options, resolve, reject, watch, undefined, stream);
      }
    } catch (error) {
      reject(error);
    }
    return promise;
  }
}

function toMedium(target: string | Medium): Medium {
  if (typeof target === 'string') return mediumOf(target);
  if (typeof target?.dial === 'function') return target;
  throw optionError(`connect needs a URL or a medium, got ${show(target)}`);
}
