import { createHash, randomUUID } from 'node:crypto';
import {
  type Checks,
  clockLike,
  milliseconds,
  ofType,
  oneOf,
  optionError,
  resolveOptions,
  withMethods,
} from '../util/check.ts';
import { type Clock, systemClock } from '../util/clock.ts';
import { decodeCompletion, encodeCompletion } from './codec.ts';
import { storeError } from './package.ts';
import {
  connectOwn,
  type OwnClient,
  type RedisCommands,
  RedisConnection,
} from './redis/connection.ts';
import { RedisLease } from './redis/lease.ts';
import { abandon, begin, finish, identify } from './redis/scripts.ts';
import { checkSettings } from './redis/settings.ts';
import type { BeginRequest, Begun, Completion, CompletionStore } from './store.ts';

export type { RedisCommands, ScriptArguments } from './redis/connection.ts';

/** Options of {@link redisCompletions}: `url` or `client`, and what else has defaults. */
export interface RedisCompletionsOptions {
  /** Where Redis is: `redis://host:port`. The store makes a client of its own and closes it. */
  readonly url?: string;
  /** Or a client of the package `redis` that is connected; for a cluster made by `createCluster`. */
  readonly client?: RedisCommands;
  /** What all keys in Redis begin with. Servers that share their records have the same. */
  readonly prefix?: string;
  /**
   * `"checked"`: the store does not open unless Redis keeps what it was told, whatever happens.
   * `"trusted"`: the application answers for that.
   */
  readonly durability?: 'checked' | 'trusted';
  /**
   * How long it is remembered, in ms, that a call began and its process died. After that the same
   * key is a new call. May be Infinity.
   */
  readonly keepUnfinishedMs?: number;
  /** A process that has not been heard of for so long, in ms, counts as gone. */
  readonly leaseMs?: number;
  /** How long the first connection may take, in ms. */
  readonly connectTimeoutMs?: number;
  /** Where timers come from. Default: the system's. */
  readonly clock?: Clock;
}

type Resolved = Required<Omit<RedisCompletionsOptions, 'url' | 'client'>>;

/** The defaults of {@link RedisCompletionsOptions}. */
export const redisCompletionsDefaults: Resolved = Object.freeze({
  prefix: 'holdfast:',
  durability: 'checked',
  keepUnfinishedMs: 30 * 24 * 3_600_000,
  leaseMs: 15_000,
  connectTimeoutMs: 5_000,
  clock: systemClock,
});

const checks: Checks<RedisCompletionsOptions> = {
  url: ofType('string'),
  client: withMethods('eval', 'evalSha'),
  prefix: ofType('string'),
  durability: oneOf(['checked', 'trusted']),
  keepUnfinishedMs: milliseconds(0, Number.POSITIVE_INFINITY),
  leaseMs: milliseconds(100),
  connectTimeoutMs: milliseconds(1),
  clock: clockLike,
};

/** Records of `once` calls in Redis. */
export interface RedisCompletions extends CompletionStore {
  /** After the servers that use it. Calls that run then are lost. A client that was given stays. */
  close(): Promise<void>;
}

class RedisStore implements RedisCompletions {
  id = '';
  readonly #connection: RedisConnection;
  readonly #options: Resolved;
  readonly #lease: RedisLease;
  readonly #reconnect: (() => Promise<OwnClient>) | undefined;
  #own: OwnClient | undefined;
  #isClosed = false;

  /** @param reconnect makes another client, when the store has one of its own */
  constructor(
    client: RedisCommands,
    options: Resolved,
    reconnect: (() => Promise<OwnClient>) | undefined,
  ) {
    const { clock, prefix, leaseMs } = options;
    this.#connection = new RedisConnection(client);
    this.#options = options;
    this.#reconnect = reconnect;
    this.#own = reconnect === undefined ? undefined : (client as OwnClient);
    this.#lease = new RedisLease(this.#connection, clock, prefix, leaseMs, (isSilent) =>
      this.#renewOwn(isSilent),
    );
  }

  async open(): Promise<this> {
    const { durability } = this.#options;
    try {
      if (durability === 'checked') await checkSettings(this.#connection.client);
      this.id = String(await this.#identify(randomUUID()));
      await this.#lease.start();
    } catch (error) {
      this.#own?.destroy();
      throw error;
    }
    return this;
  }

  async begin(request: BeginRequest): Promise<Begun> {
    await this.#lease.keep();
    const first = await this.#beginWhereRecordsAre(request);
    if (first.begun.state !== 'running' || (await this.#lease.isAlive(first.holder))) {
      return first.begun;
    }
    // It may have ended just before its process did.
    const { begun, holder } = await this.#begin(request);
    return begun.state === 'running' && holder === first.holder ? { state: 'lost' } : begun;
  }

  async finish(request: BeginRequest, completion: Completion): Promise<void> {
    const { fingerprint, owner, ticket, keepMs } = request;
    await this.#connection.run(
      finish,
      this.#keyOf(request),
      fingerprint,
      owner,
      String(ticket),
      this.#lease.holder,
      encodeCompletion(completion).toString('base64'),
      wholeMs(keepMs),
    );
  }

  async abandon(request: BeginRequest): Promise<void> {
    const { owner, ticket } = request;
    await this.#connection.run(abandon, this.#keyOf(request), owner, String(ticket));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Otherwise it lapses by itself.
    await this.#lease.end().catch(() => {});
    this.#own?.destroy();
  }

  /** A Redis that has lost its records knows no key: it must not be believed. */
  async #beginWhereRecordsAre(request: BeginRequest): Promise<BegunBy> {
    const connection = this.#connection;
    const { unknownScripts } = connection;
    // Both go out together, the second behind the first: if Redis has the id, it had it before.
    const [answer, together] = await Promise.all([this.#begin(request), this.#identify('')]);
    // Otherwise the first was sent again, and it must be looked behind that.
    const isBehind = connection.unknownScripts === unknownScripts;
    if ((isBehind ? together : await this.#identify('')) === this.id) return answer;
    if (answer.begun.state === 'new') this.abandon(request).catch(() => {});
    throw storeError(
      'Redis has lost its records: what was executed is not known any more. Restart the servers',
    );
  }

  async #begin(request: BeginRequest): Promise<BegunBy> {
    const { fingerprint, owner, ticket, takesOver, keepMs } = request;
    const { keepUnfinishedMs } = this.#options;
    const unfinishedMs = Math.max(keepUnfinishedMs, keepMs);
    const answer = await this.#connection.run(
      begin,
      this.#keyOf(request),
      fingerprint,
      owner,
      String(ticket),
      this.#lease.holder,
      takesOver ? '1' : '0',
      Number.isFinite(unfinishedMs) ? wholeMs(unfinishedMs) : '0',
      wholeMs(keepMs),
    );
    return begunOf(answer);
  }

  #identify(id: string): Promise<unknown> {
    return this.#connection.run(identify, `${this.#options.prefix}id`, id);
  }

  /** Keys of callers may be of any length, and are nobody else's business. */
  #keyOf({ key }: BeginRequest): string {
    const hash = createHash('sha256').update(key).digest('base64url');
    return `${this.#options.prefix}record:${hash}`;
  }

  /**
   * A connection that says nothing and does not end is given up: what waits for it fails, and
   * another is made. One that ended connects again by itself.
   */
  async #renewOwn(isSilent: boolean): Promise<void> {
    if (this.#reconnect === undefined || this.#isClosed) return;
    if (!isSilent && this.#own !== undefined) return;
    const mute = this.#own;
    this.#own = undefined;
    mute?.destroy();
    try {
      const client = await this.#reconnect();
      if (this.#isClosed) client.destroy();
      else {
        this.#own = client;
        this.#connection.use(client);
      }
    } catch {
      // The commands of the old client fail, and the next renewal tries again.
    }
  }
}

/** What Redis says of a key, and whose lease its record hangs on. */
interface BegunBy {
  readonly begun: Begun;
  readonly holder: string;
}

function begunOf(answer: unknown): BegunBy {
  const [state, value = '', holder = ''] = answer as [string, string?, string?];
  switch (state) {
    case 'new':
    case 'mismatch':
      return { begun: { state }, holder };
    case 'done': {
      const completion = decodeCompletion(Buffer.from(value, 'base64'));
      return { begun: { state, completion }, holder };
    }
    case 'running':
      return { begun: { state, owner: value }, holder };
    default:
      throw new Error(`Redis gave an answer that cannot be: ${state}`);
  }
}

function wholeMs(ms: number): string {
  return String(Math.max(1, Math.ceil(ms)));
}

/**
 * Opens a store of records in Redis, for servers on any number of machines: what one has executed
 * the others do not. Needs the package `redis`.
 *
 * @throws HoldfastError `ERR_HOLDFAST_OPTION`, `ERR_HOLDFAST_STORE`
 */
export async function redisCompletions(
  options: RedisCompletionsOptions,
): Promise<RedisCompletions> {
  const resolved = resolveOptions('option', options, redisCompletionsDefaults, checks);
  const { url, client, connectTimeoutMs } = resolved;
  if ((url === undefined) === (client === undefined)) {
    throw optionError('Either option "url" or option "client" must say where Redis is');
  }
  if (client !== undefined) return await new RedisStore(client, resolved, undefined).open();
  const connect = (): Promise<OwnClient> => connectOwn(url as string, connectTimeoutMs);
  return await new RedisStore(await connect(), resolved, connect).open();
}
