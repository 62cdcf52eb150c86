import { BenchProcess } from '../harness/bench-process.ts';
import type { Order } from '../harness/orders.ts';
import { type Entry, startPair } from '../harness/rounds.ts';
import { CountingProxy } from './counting-proxy.ts';

/** What a contender takes beside time. */
export interface Footprint {
  readonly contender: string;
  /** Bytes of a small call on the wire, both ways. */
  readonly bytesPerCall: number;
  /** Memory of a connection that is idle, at either end: the heap, or what a program has resident. */
  readonly clientBytesPerConnection: number;
  readonly serverBytesPerConnection: number;
  /** Heap of the client for each call that is outstanding, its promise included. */
  readonly bytesPerOutstandingCall: number;
}

const callsMs = 200;
const connections = 200;
const outstanding = 10_000;

/** Measures it in processes of its own. */
export async function footprintOf(entry: Entry): Promise<Footprint> {
  const processes: BenchProcess<Order>[] = [];
  try {
    const { client, server, address } = await startPair(entry, processes);
    if (server === undefined) throw new Error(`${entry.name} has no server of its own`);
    const { place } = entry;
    const warm = { do: 'load', load: { kind: 'small', outstanding: 64, sliceMs: 500 } } as const;
    await client.ask(warm);
    const bytesPerOutstandingCall = Number(await client.ask({ do: 'hold', calls: outstanding }));
    const bytesPerCall = await wireBytes(entry, address);
    const open = { do: 'open', address, place, connections } as const;
    // The first connections fill what is shared by all.
    await client.ask(open);
    const before = [await memoryOf(client), await memoryOf(server)] as const;
    await client.ask(open);
    const after = [await memoryOf(client), await memoryOf(server)] as const;
    return {
      contender: entry.name,
      bytesPerCall,
      clientBytesPerConnection: (after[0] - before[0]) / connections,
      serverBytesPerConnection: (after[1] - before[1]) / connections,
      bytesPerOutstandingCall,
    };
  } finally {
    for (const running of processes.toReversed()) await running.stop();
  }
}

async function memoryOf(running: BenchProcess<Order>): Promise<number> {
  return Number(await running.ask({ do: 'memory' }));
}

const clientScript = new URL('../client-process.js', import.meta.url);

/** Sequential calls through a proxy that counts; what the connection itself takes is not counted. */
async function wireBytes({ url, place }: Entry, address: string): Promise<number> {
  const port = Number(/(\d+)$/.exec(address)?.[1]);
  const proxy = await CountingProxy.start(port);
  const client = await BenchProcess.start<Order>('client', clientScript, url);
  try {
    const through = address.replace(/\d+$/, String(proxy.port));
    await client.ask({ do: 'connect', address: through, place });
    const load = { kind: 'small', outstanding: 1, sliceMs: callsMs } as const;
    await client.ask({ do: 'load', load });
    const before = proxy.bytes;
    const { calls } = (await client.ask({ do: 'load', load })) as { calls: number };
    return (proxy.bytes - before) / calls;
  } finally {
    await client.stop();
    await proxy.close();
  }
}
