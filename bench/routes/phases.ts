import {
  type ClientOptions,
  connect,
  isHoldfastError,
  type Route,
  type VerbSettings,
} from 'holdfast';
import { startService } from './service.ts';

/** One part of the demonstration: what the server publishes, and how the client calls. */
export interface Phase {
  readonly name: string;
  readonly settings: VerbSettings;
  readonly options: ClientOptions;
}

/** Linkerd sends again at once, and so does this nearly. */
const quick: ClientOptions = { reconnectBaseMs: 1, reconnectCapMs: 4 };

/**
 * Half of the attempts fail: with 20 of them for a call, one call in a million does. That is one
 * replay for each call on average, five times what the budget allows unless the server says more.
 */
const patient: VerbSettings = { maxAttempts: 20, retryRatio: 2 };

/** The time-out of the demonstration, over all attempts of a call. */
export const timeoutMs = 25;

/** The client has no registry: the server says what holds of its verb, as in Linkerd's profiles. */
export const phases = {
  bare: { name: 'no retries', settings: {}, options: { ...quick, replay: 'never' } },
  budgeted: { name: 'retries, by default', settings: {}, options: quick },
  retried: { name: 'published retryRatio 2', settings: patient, options: quick },
  timed: {
    name: `and timeoutMs ${timeoutMs}`,
    settings: { ...patient, timeoutMs },
    options: quick,
  },
} as const satisfies Readonly<Record<string, Phase>>;

/** One of the phases. */
export type PhaseName = keyof typeof phases;

/** What a phase came to: as the application, the client and the server saw it. */
export interface Outcome {
  /** By the application's own count. */
  readonly calls: number;
  readonly failures: number;
  /** How often the handler ran. */
  readonly runs: number;
  readonly client: Route;
  readonly server: Route;
}

/** Calls a second; they are made at their time, however long earlier ones take. */
const callsPerSecond = 100;

/** Makes calls for so long, on a server and with a client of its own. */
export async function play(phase: Phase, seed: number, ms: number): Promise<Outcome> {
  const { server, runs } = await startService(seed, phase.settings);
  const client = connect(server.urls[0] as string, undefined, phase.options);
  await client.ready();
  const results: Promise<boolean>[] = [];
  await new Promise<void>((resolve) => {
    const startedAt = performance.now();
    const timer = setInterval(() => {
      const passedMs = Math.min(performance.now() - startedAt, ms);
      while (results.length < (passedMs * callsPerSecond) / 1_000) {
        results.push(succeeds(client.invoke('head', results.length)));
      }
      if (passedMs < ms) return;
      clearInterval(timer);
      resolve();
    }, 5);
  });
  const succeeded = (await Promise.all(results)).filter((isSuccess) => isSuccess).length;
  const [ofClient] = client.routes();
  await client.close();
  await server.drain();
  const [ofServer] = server.routes();
  return {
    calls: results.length,
    failures: results.length - succeeded,
    runs: runs(),
    client: ofClient as Route,
    server: ofServer as Route,
  };
}

async function succeeds(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (isHoldfastError(error)) return false;
    throw error;
  }
}
