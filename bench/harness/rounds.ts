import { BenchProcess } from './bench-process.ts';
import type { LoadResult } from './load.ts';
import type { Workload } from './workloads.ts';

/** A contender and the URL of the module that exports it. */
export interface Entry {
  readonly name: string;
  readonly url: string;
}

/** What one contender did in one slice. */
export interface Slice {
  readonly callsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly clientCpuUs: number;
  readonly serverCpuUs: number;
}

/** Slices by workload, then contender, then round. */
export type Slices = Map<Workload, Map<string, Slice[]>>;

export interface RoundOptions {
  readonly rounds: number;
  readonly sliceMs: number;
  readonly onRound: (round: number) => void;
}

interface Pair {
  readonly name: string;
  readonly server: BenchProcess;
  readonly client: BenchProcess;
}

/**
 * Measures all contenders, interleaved: in each round each workload is done by each contender, in
 * an order that rotates. So what slows the machine for a while slows them all, and the ratio of
 * two slices of the same round is worth more than either.
 */
export async function runRounds(
  entries: readonly Entry[],
  workloads: readonly Workload[],
  options: RoundOptions,
): Promise<Slices> {
  const processes: BenchProcess[] = [];
  try {
    const pairs: Pair[] = [];
    for (const entry of entries) pairs.push(await startPair(entry, processes));
    const slices: Slices = new Map(
      workloads.map((workload) => [workload, new Map(entries.map(({ name }) => [name, []]))]),
    );
    // One round to warm up, not counted.
    for (let round = -1; round < options.rounds; round++) {
      options.onRound(round);
      const shift = Math.max(0, round) % pairs.length;
      const order = [...pairs.slice(shift), ...pairs.slice(0, shift)];
      for (const [workload, byName] of slices) {
        for (const pair of order) {
          const slice = await runSlice(pair, workload, options.sliceMs);
          if (round >= 0) byName.get(pair.name)?.push(slice);
        }
      }
    }
    return slices;
  } finally {
    await Promise.all(processes.map((running) => running.stop()));
  }
}

async function startPair({ name, url }: Entry, processes: BenchProcess[]): Promise<Pair> {
  const { process: server, first } = await BenchProcess.start('server', url);
  processes.push(server);
  const { process: client } = await BenchProcess.start('client', url);
  processes.push(client);
  await client.ask({ do: 'connect', address: String(first) });
  return { name, server, client };
}

async function runSlice(pair: Pair, workload: Workload, sliceMs: number): Promise<Slice> {
  const { kind, outstanding } = workload;
  const load = { kind, outstanding, sliceMs };
  // The caches belong to another contender by now.
  await pair.client.ask({ do: 'load', load: { ...load, sliceMs: sliceMs / 4 } });
  const cpuBefore = Number(await pair.server.ask({ do: 'cpu' }));
  const result = (await pair.client.ask({ do: 'load', load })) as LoadResult;
  const cpuAfter = Number(await pair.server.ask({ do: 'cpu' }));
  return {
    callsPerSecond: (result.calls * 1000) / result.elapsedMs,
    p50Us: result.p50Us,
    p99Us: result.p99Us,
    clientCpuUs: result.cpuUs / result.calls,
    serverCpuUs: (cpuAfter - cpuBefore) / result.calls,
  };
}
