import { codeOf, messageOf } from '../../errors.ts';
import type { Clock } from '../../util/clock.ts';
import { loadPackage, storeError } from '../package.ts';
import type { Script } from './scripts.ts';

/** The arguments of a script, as node-redis takes them. */
export interface ScriptArguments {
  keys: string[];
  arguments: string[];
}

/**
 * What the store needs of a client: those of the package `redis` have it, for one server, for a
 * cluster and for Sentinel.
 */
export interface RedisCommands {
  eval(script: string, options: ScriptArguments): Promise<unknown>;
  evalSha(sha1: string, options: ScriptArguments): Promise<unknown>;
}

/** What a client for one server can do beside. */
export interface RedisSettings {
  configGet(parameter: string): Promise<unknown>;
}

/** A client that the store made. */
export interface OwnClient extends RedisCommands, RedisSettings {
  connect(): Promise<unknown>;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  destroy(): void;
  readonly isOpen: boolean;
}

interface Redis {
  createClient(options: object): OwnClient;
}

const firstReconnectMs = 50;
const lastReconnectMs = 2_000;

/** Most commands that wait for their answers. */
const maxCommands = 20_000;

/** Loads the package and connects once, within the time; it connects again by itself afterwards. */
export async function connectOwn(
  url: string,
  timeoutMs: number,
  importer: () => Promise<unknown> = () => import('redis'),
): Promise<OwnClient> {
  const { createClient } = await loadPackage<Redis>('redis', importer);
  let isConnected = false;
  let client: OwnClient | undefined;
  try {
    client = createClient({
      url,
      // A call must not wait in a queue for a server that is not there: it is refused at once.
      disableOfflineQueue: true,
      commandsQueueMaxLength: maxCommands,
      socket: {
        connectTimeout: timeoutMs,
        reconnectStrategy: (retries: number, cause: Error) =>
          isConnected
            ? Math.min(firstReconnectMs * 2 ** Math.min(retries, 10), lastReconnectMs)
            : cause,
      },
    });
    // The commands that fail say so themselves.
    client.on('error', () => {});
    await client.connect();
    isConnected = true;
    return client;
  } catch (error) {
    if (client?.isOpen) client.destroy();
    throw storeError(`Redis cannot be reached: ${messageOf(error)}`, error);
  }
}

/** Runs scripts by a client, which Redis is told of only once. */
export class RedisConnection {
  #client: RedisCommands;
  /** How often Redis did not know a script, and got it again. */
  unknownScripts = 0;

  constructor(client: RedisCommands) {
    this.#client = client;
  }

  get client(): RedisCommands {
    return this.#client;
  }

  /** From now on by another client. */
  use(client: RedisCommands): void {
    this.#client = client;
  }

  async run(script: Script, key: string, ...args: readonly string[]): Promise<unknown> {
    const options = { keys: [key], arguments: [...args] };
    const client = this.#client;
    try {
      return await client.evalSha(script.sha1, options);
    } catch (error) {
      // Redis has not run it, for it does not know it (any more).
      if (!messageOf(error).startsWith('NOSCRIPT') && codeOf(error) !== 'NOSCRIPT') throw error;
    }
    this.unknownScripts++;
    return await client.eval(script.text, options);
  }
}

/** Rejects when `answer` takes too long. */
export function inTime<Value>(
  answer: Promise<Value>,
  clock: Clock,
  timeoutMs: number,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(() => {
      reject(new Error(`Redis did not answer within ${timeoutMs} ms`));
    }, timeoutMs);
    timer.unref();
    answer.finally(() => timer.cancel()).then(resolve, reject);
  });
}
