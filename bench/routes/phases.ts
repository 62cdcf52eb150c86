import { type ClientOptions, connect, isHoldfastError, type Route } from 'holdfast';
import { authors, startService } from './service.ts';

/** How the client calls in one part of the demonstration. */
export interface Phase {
  readonly name: string;
  readonly options: ClientOptions;
}

/** Linkerd sends again at once, and so does this nearly. */
const quick: ClientOptions = { reconnectBaseMs: 1, reconnectCapMs: 4 };

/**
 * Half of the attempts fail: with 20 of them for a call, one call in a million does. That is one
 * replay for each call on average, five times what the budget allows by default.
 */
const patient: ClientOptions = { ...quick, maxAttempts: 20, retryBudget: { ratio: 2 } };

/** The time-out of the demonstration, over all attempts of a call. */
export const timeoutMs = 25;

export const phases = {
  bare: { name: 'no retries', options: { ...quick, replay: 'never' } },
  budgeted: { name: 'retries, default budget', options: quick },
  retried: { name: 'retries, budget of 200 %', options: patient },
  timed: { name: `the same, timeoutMs ${timeoutMs}`, options: { ...patient, timeoutMs } },
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
