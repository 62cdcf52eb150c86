import { setTimeout as wait } from 'node:timers/promises';
import type { ContenderClient } from '../contender.ts';
import { nowUs } from './now.ts';

/** What an application saw that makes a call until it is answered. */
export interface Persisted {
  /** When the answer came; missing when there was none in time. */
  readonly atUs?: number;
  /** Calls that failed before. */
  readonly failed: number;
}

const betweenMs = 1;

/** Makes a small call, and when it fails makes it again, almost at once, for no longer than `limitMs`. */
export async function persist(client: ContenderClient, limitMs: number): Promise<Persisted> {
  let failed = 0;
  let isOver = false;
  const answered = async (): Promise<Persisted> => {
    while (!isOver) {
      try {
        await client.call('small');
        return { atUs: nowUs(), failed };
      } catch {
        failed += 1;
        await wait(betweenMs);
      }
    }
    return { failed };
  };
  const limit = new AbortController();
  const over = wait(limitMs, undefined, { signal: limit.signal }).then(() => {
    isOver = true;
    return { failed };
  });
  // The loser of the race has no say.
  over.catch(() => {});
  try {
    return await Promise.race([answered(), over]);
  } finally {
    limit.abort();
  }
}
