import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'eventemitter3';
import { HoldfastError } from '../errors.ts';
import type { Medium } from '../media/medium.ts';
import { mediumOf } from '../media/url.ts';
import { sessionBytes } from '../protocols/holdfast/hello.ts';
import { holdfastProtocol } from '../protocols/holdfast/index.ts';
import { IdleLife } from '../retry/idle-life.ts';
import { optionError, show } from '../util/check.ts';
import { emitSafely } from '../util/emit.ts';
import { defineVerbs, type InputOf, type OutputOf, type Verbs } from '../verbs/define.ts';
import { type PublishedTable, tableOf } from '../verbs/table.ts';
import type { ClientEvents, ClientState } from './events.ts';
import { Links, type LinksListener } from './links.ts';
import {
  type CallOptions,
  type ClientOptions,
  resolveCallOptions,
  resolveClientOptions,
} from './options.ts';
import { checkNames } from './reconcile.ts';
import { checkedInput, checkedOutput } from './schemas.ts';
import { type ServerTable, Tables } from './tables.ts';
import { VerbUse } from './verb-use.ts';

/** What a verb is called with: nothing, its input, and how this call differs. */
// biome-ignore lint/suspicious/noConfusingVoidType: `void` is what a verb without input has
export type CallArguments<Input> = [Input] extends [void]
  ? [input?: undefined, options?: CallOptions]
  : [input: Input, options?: CallOptions];

/** The verbs of a registry as methods. */
export type CallMethods<V extends Verbs> = {
  readonly [Name in keyof V]: (
    ...args: CallArguments<InputOf<V[Name]>>
  ) => Promise<OutputOf<V[Name]>>;
};

/**
 * Calls a server's verbs, over one connection that it makes when it is needed and makes again when
 * it is lost. Made by {@link connect}; ends with {@link close} or {@link destroy}. An idle client
 * does not keep the process alive; a pending call does.
 */
export class Client<V extends Verbs = Verbs> {
  /** One method for each verb of the registry; empty without a registry. */
  readonly call: CallMethods<V>;
  /** Resolves when everything is closed, with the reason that was given to `destroy`. */
  readonly closed: Promise<Error | undefined>;
  readonly #events = new EventEmitter<ClientEvents>();
  readonly #links: Links;
  readonly #uses = new Map<string, VerbUse>();
  readonly #tables = new Tables();
  readonly #timeoutMs: number;
  #isClosing = false;

  /** @internal */
  constructor(
    target: string | Medium | readonly (string | Medium)[],
    verbs?: V,
    given?: ClientOptions<NoInfer<V>>,
  ) {
    const options = resolveClientOptions(given as ClientOptions | undefined);
    const registry = verbs === undefined ? undefined : defineVerbs(verbs);
    if (registry !== undefined) checkNames(options.reconcile, registry);
    const media = (Array.isArray(target) ? target : [target]).map(toMedium);
    if (media.length === 0)
      throw optionError('connect needs at least one URL or medium, got an empty list');
    let onClosed: LinksListener['onClosed'] = () => {};
    this.closed = new Promise((resolve) => {
      onClosed = resolve;
    });
    this.#timeoutMs = options.timeoutMs;
    const shared = {
      protocol: holdfastProtocol,
      session: randomBytes(sessionBytes),
      idleLife: new IdleLife(),
      tables: this.#tables,
    };
    this.#links = new Links(media, options, shared, {
      onState: (event) => emitSafely(this.#events, 'state', event),
      onReconnecting: (event) => emitSafely(this.#events, 'reconnecting', event),
      onReplay: (event) => emitSafely(this.#events, 'replay', event),
      onDraining: (event) => emitSafely(this.#events, 'draining', event),
      onClosed,
    });
    this.call = this.#methods(registry);
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
    const use = this.#uses.get(verb) ?? this.#unregistered(verb);
    return this.#start(use, input, options);
  }

  /**
   * Resolves as soon as a link is up. Rejects when that cannot be (wrong version, permission
   * denied), or after `timeoutMs` (default: the client's), or when the client is closed.
   */
  async ready({
    timeoutMs = this.#timeoutMs,
  }: {
    readonly timeoutMs?: number;
  } = {}): Promise<void> {
    if (this.#isClosing) throw closedError();
    resolveCallOptions({ timeoutMs });
    await this.#links.ready(timeoutMs);
  }

  /**
   * The verbs that the server publishes, with their classes and settings; of several servers, the
   * table of the one that said hello last. Dials if there is no link, and rejects as
   * {@link ready} does.
   */
  async verbs(options: { readonly timeoutMs?: number } = {}): Promise<PublishedTable> {
    await this.ready(options);
    return (this.#tables.latest as ServerTable).published();
  }

  /** Takes no new calls, waits until the pending ones have settled, then ends. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#links.close();
    await this.closed;
  }

  /** Ends now. What is pending fails with `ERR_HOLDFAST_CLOSED` and says what is known of it. */
  destroy(reason?: Error): void {
    this.#isClosing = true;
    this.#links.destroy(reason);
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

  #methods(verbs: V | undefined): CallMethods<V> {
    const methods: Record<string, unknown> = {};
    for (const row of tableOf(verbs ?? {})) {
      const use = new VerbUse(row.name, row, verbs?.[row.name]);
      this.#uses.set(row.name, use);
      methods[row.name] = (input: unknown, options?: CallOptions) =>
        this.#start(use, input, options);
    }
    return Object.freeze(methods) as CallMethods<V>;
  }

  /** The server's own row holds, as soon as it is known. */
  #unregistered(verb: string): VerbUse {
    const use = new VerbUse(typeof verb === 'string' ? verb : show(verb));
    const { latest } = this.#tables;
    if (latest !== undefined) use.follow(latest);
    return use;
  }

  #start(use: VerbUse, input: unknown, given: CallOptions | undefined): Promise<unknown> {
    if (this.#isClosing) return Promise.reject(closedError(use.name));
    let options: CallOptions | undefined;
    if (given !== undefined) {
      try {
        options = resolveCallOptions(given);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    if (use.input === undefined && use.output === undefined)
      return this.#promise(use, input, options);
    return checkedInput(use, input)
      .then(() => this.#promise(use, input, options))
      .then((output) => checkedOutput(use, output));
  }

  #promise(use: VerbUse, input: unknown, options: CallOptions | undefined): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#links.calls.start(use, input, options, resolve, reject);
    });
  }
}

function toMedium(target: string | Medium): Medium {
  if (typeof target === 'string') return mediumOf(target);
  if (typeof target?.dial === 'function') return target;
  throw optionError(`connect needs a URL or a medium, got ${show(target)}`);
}

function closedError(verb?: string): HoldfastError {
  const message =
    verb === undefined
      ? 'The client is closed'
      : `Call "${verb}" was not made: the client is closed`;
  return new HoldfastError('ERR_HOLDFAST_CLOSED', message, { verb, final: true });
}
