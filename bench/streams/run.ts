/**
 * Measures streams: items of 64 KiB against the same bytes through a socket by hand, in both
 * directions, in turn; the memory that they take; and what a small call takes beside a transfer on
 * the same connection. Client and servers are two processes.
 *
 * Usage, after `npm run build && tsc -p bench`:
 *
 *     node .bench/streams/run.js [options]
 *
 *     --rounds N     rounds that count (default 24)
 *     --items N      items of a transfer (default 8000: 524 MB)
 *     --calls N      small calls (default 500)
 *     --json FILE    also write the figures to FILE
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { BenchProcess } from '../harness/bench-process.ts';
import { count } from '../harness/options.ts';
import { describeMachine, machineLine } from '../harness/report.ts';
import { type Latencies, latencyTable, speedTable, type WayFigures, wayFigures } from './report.ts';
import {
  type Carrier,
  type ClientOrder,
  itemBytes,
  type Ports,
  type ServerOrder,
  type Transfer,
  type Way,
  ways,
} from './verbs.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '24' },
    items: { type: 'string', default: '8000' },
    calls: { type: 'string', default: '500' },
    json: { type: 'string' },
  },
});
const rounds = count('rounds', options.rounds);
const items = count('items', options.items);
const calls = count('calls', options.calls);
const machine = describeMachine();

/** Not counted; the standard transfers pass 4 GiB in so many. */
const warmUpRounds = 8;

const script = (side: string): URL => new URL(`./${side}-process.js`, import.meta.url);
const server = await BenchProcess.start<ServerOrder>('server', script('server'));
try {
  const client = await BenchProcess.start<ClientOrder>('client', script('client'));
  try {
    await measure(client);
  } finally {
    await client.stop();
  }
} finally {
  await server.stop();
}

async function measure(client: BenchProcess<ClientOrder>): Promise<void> {
  const ports = (await server.ask({ do: 'serve' })) as Ports;
  await client.ask({ do: 'open', ports });
  console.log(machineLine(machine));
  console.log(`${rounds} rounds of ${((items * itemBytes) / 1e6).toFixed(0)} MB\n`);
  const figures: WayFigures[] = [];
  for (const way of ways) figures.push(await inTurn(client, way));
  console.log(`${speedTable(figures)}\n`);
  const touch = (beside: Way | undefined) =>
    client.ask({ do: 'touch', beside, calls }) as Promise<number[]>;
  await touch(undefined);
  const latencies: Latencies = {
    alone: await touch(undefined),
    download: await touch('download'),
    upload: await touch('upload'),
  };
  console.log(latencyTable(latencies));
  if (options.json === undefined) return;
  const report = { machine, rounds, items, speed: figures, latencies };
  await writeFile(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
}

async function inTurn(client: BenchProcess<ClientOrder>, way: Way): Promise<WayFigures> {
  const transfer = async (carrier: Carrier): Promise<Transfer> => {
    const before = (await server.ask({ do: 'cpu' })) as number;
    const own = (await client.ask({ do: 'transfer', carrier, way, items })) as Transfer;
    const serverUs = ((await server.ask({ do: 'cpu' })) as number) - before;
    return { ...own, cpuUs: own.cpuUs + serverUs / items };
  };
  // Makes the code fast: what counts bytes is compiled anew when it has passed 2 GiB.
  for (let round = 0; round < warmUpRounds; round++) {
    for (const carrier of ['socket', 'holdfast'] as const) await transfer(carrier);
  }
  await server.ask({ do: 'memory' });
  const all: Record<Carrier, Transfer>[] = [];
  for (let round = 0; round < rounds; round++) {
    const socket = await transfer('socket');
    all.push({ socket, holdfast: await transfer('holdfast') });
  }
  const serverMemoryMb = (await server.ask({ do: 'memory' })) as number;
  return wayFigures({ way, rounds: all, serverMemoryMb });
}
