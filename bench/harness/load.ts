import { createHistogram, performance } from 'node:perf_hooks';
import type { CallKind, ContenderClient } from '../contender.ts';

/** A slice of load. */
export interface LoadOrder {
  readonly kind: CallKind;
  readonly outstanding: number;
  readonly sliceMs: number;
}

/** What a client saw in one slice. */
export interface LoadResult {
  readonly calls: number;
  readonly elapsedMs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Processor time of the client process, user and system. */
  readonly cpuUs: number;
}

/**
 * With many calls in flight only each 16th lane takes the time of its calls: two readings of the
 * clock and a histogram cost a tenth of a fast call, and would flatter the slow contenders.
 */
const lanesPerTimedLane = 16;

/** Keeps `outstanding` calls in flight for `sliceMs`, then waits for the last of them. */
export async function runLoad(client: ContenderClient, order: LoadOrder): Promise<LoadResult> {
  const { kind, outstanding, sliceMs } = order;
  const histogram = createHistogram();
  let isRunning = true;
  let calls = 0;

  const plainLane = async (): Promise<void> => {
    while (isRunning) {
      await client.call(kind);
      calls += 1;
    }
  };
  const timedLane = async (): Promise<void> => {
    while (isRunning) {
      const startMs = performance.now();
      await client.call(kind);
      histogram.record(Math.max(1, Math.round((performance.now() - startMs) * 1e6)));
      calls += 1;
    }
  };

  const cpu = process.cpuUsage();
  const startMs = performance.now();
  setTimeout(() => {
    isRunning = false;
  }, sliceMs);
  const lanes = Array.from({ length: outstanding }, (_, lane) =>
    lane % lanesPerTimedLane === 0 ? timedLane() : plainLane(),
  );
  await Promise.all(lanes);
  const elapsedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);

  return {
    calls,
    elapsedMs,
    p50Us: histogram.percentile(50) / 1000,
    p99Us: histogram.percentile(99) / 1000,
    cpuUs: user + system,
  };
}
