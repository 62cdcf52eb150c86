import { type ClientOptions, connect, isHoldfastError, type Route } from 'holdfast';
import { authors, startService } from './service.ts';

/** How the client calls in one part of the demonstration. */
export interface Phase {
  readonly name: string;
  readonly options: ClientOptions;
}

/**
 * Linkerd sends again at once, and so does this nearly. Half of the attempts fail: with 20 of them
 * for a call, one call in a million does. That takes a replay for each call, on average: by default
 * the budget has a fifth of that, for it thinks of servers that must be spared.
 */
const patient: ClientOptions = {
  maxAttempts: 20,
  reconnectBaseMs: 1,
  reconnectCapMs: 4,
  retryBudget: { ratio: 2 },
};

/** The time-out of the demonstration, over all attempts of a call. */
export const timeoutMs = 25;

export const phases = {
  bare: { name: 'no retries', options: { ...patient, replay: 'never' } },
  retried: { name: 'retries', options: patient },
  timed: { name: `retries, timeoutMs ${timeoutMs}`, options: { ...patient, timeoutMs } },
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
export async function play({ options }: Phase, seed: number, ms: number): Promise<Outcome> {
  const { server, runs } = await startService(seed);
  const client = connect(server.urls[0] as string, authors, options);
  await client.ready();
  const results: Promise<boolean>[] = [];
  await new Promise<void>((resolve) => {
    const startedAt = performance.now();
    const timer = setInterval(() => {
      const passedMs = Math.min(performance.now() - startedAt, ms);
      while (results.length < (passedMs * callsPerSecond) / 1_000) {
        results.push(succeeds(client.call.head(results.length)));
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

async function succeeds(call: Promise<string>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (isHoldfastError(error)) return false;
    throw error;
  }
}
