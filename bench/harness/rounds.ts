import { isServedByProgram, type Place } from '../place.ts';
import { BenchProcess } from './bench-process.ts';
import type { LoadResult } from './load.ts';
import type { Order } from './orders.ts';
import type { Side } from './program.ts';
import type { Workload } from './workloads.ts';

/** A contender, the URL of the module that exports it, and where its ends meet. */
export interface Entry {
  readonly name: string;
  readonly url: string;
  readonly place: Place;
}

/** What one contender did in one slice. */
export interface Slice {
  readonly callsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly clientCpuUs: number;
  /** Unknown where the client's end starts the server. */
  readonly serverCpuUs: number | undefined;
}

/** Slices by workload, then contender, then round. */
export type Slices = Map<Workload, Map<string, Slice[]>>;

export interface RoundOptions {
  readonly rounds: number;
  readonly sliceMs: number;
  readonly onRound: (round: number) => void;
}

/** Client and server of one contender, connected. */
export interface Pair {
  readonly name: string;
  readonly server: BenchProcess<Order> | undefined;
  readonly client: BenchProcess<Order>;
  /** Where the server is, as its contender says it. */
  readonly address: string;
}

/**
 * Measures all contenders, interleaved: in each round each workload is done by each contender, in
 * an order that rotates. So what slows the machine for a while slows them all, and the ratio of
 * two slices of the same round is worth more than either. Contenders are compared within their
 * group, so those of a group follow one another closely.
 */
export async function runRounds(
  groups: readonly (readonly Entry[])[],
  workloads: readonly Workload[],
  options: RoundOptions,
): Promise<Slices[]> {
  const processes: BenchProcess<Order>[] = [];
  try {
    const running: { pairs: Pair[]; slices: Slices }[] = [];
    for (const entries of groups) {
      const pairs: Pair[] = [];
      for (const entry of entries) pairs.push(await startPair(entry, processes));
      const slices: Slices = new Map(
        workloads.map((workload) => [workload, new Map(entries.map(({ name }) => [name, []]))]),
      );
      running.push({ pairs, slices });
    }
    // One round to warm up, not counted.
    for (let round = -1; round < options.rounds; round++) {
      options.onRound(round);
      for (const { pairs, slices } of running) {
        const shift = Math.max(0, round) % pairs.length;
        const order = [...pairs.slice(shift), ...pairs.slice(0, shift)];
        for (const [workload, byName] of slices) {
          for (const pair of order) {
            const slice = await runSlice(pair, workload, options.sliceMs);
            if (round >= 0) byName.get(pair.name)?.push(slice);
          }
        }
      }
    }
    return running.map(({ slices }) => slices);
  } finally {
    // Clients first: those that have started their servers end them.
    for (const running of processes.toReversed()) await running.stop();
  }
}

const serverScript = new URL('../server-process.js', import.meta.url);
const clientScript = new URL('../client-process.js', import.meta.url);

/** Starts both; what was started stands in `processes`, for the caller to stop. */
export async function startPair(
  { name, url, place }: Entry,
  processes: BenchProcess<Order>[],
): Promise<Pair> {
  const start = async (side: Side, script: URL): Promise<BenchProcess<Order>> => {
    const started = await BenchProcess.start<Order>(side, script, url);
    processes.push(started);
    return started;
  };
  const server = isServedByProgram(place) ? undefined : await start('server', serverScript);
  const address = String(await server?.ask({ do: 'serve', place }));
  const client = await start('client', clientScript);
  await client.ask({ do: 'connect', address, place });
  return { name, server, client, address };
}

async function runSlice(
  { server, client }: Pair,
  workload: Workload,
  sliceMs: number,
): Promise<Slice> {
  const { kind, outstanding } = workload;
  const load = { kind, outstanding, sliceMs };
  // The caches belong to another contender by now.
  await client.ask({ do: 'load', load: { ...load, sliceMs: sliceMs / 4 } });
  const cpuBefore = Number(await server?.ask({ do: 'cpu' }));
  const result = (await client.ask({ do: 'load', load })) as LoadResult;
  const cpuAfter = Number(await server?.ask({ do: 'cpu' }));
  return {
    callsPerSecond: (result.calls * 1000) / result.elapsedMs,
    p50Us: result.p50Us,
    p99Us: result.p99Us,
    clientCpuUs: result.cpuUs / result.calls,
    serverCpuUs: server && (cpuAfter - cpuBefore) / result.calls,
  };
}
