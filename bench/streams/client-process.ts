/** The client of the streaming benchmark. */
import { type Client, connect } from 'holdfast';
import { cpuUs, obey } from '../harness/orders.ts';
import { bySocket } from './socket.ts';
import {
  type ClientOrder,
  itemBytes,
  type Ports,
  type Transfer,
  verbs,
  type Way,
} from './verbs.ts';

let ports: Ports = { socket: 0, holdfast: 0 };
let client: Client<typeof verbs> | undefined;

await obey(async (order: ClientOrder | { readonly do: 'close' }) => {
  switch (order.do) {
    case 'open':
      ports = order.ports;
      client = connect(`tcp://127.0.0.1:${ports.holdfast}`, verbs);
      await client.ready();
      return undefined;
    case 'transfer':
      return await transfer(order);
    case 'touch':
      return await touch(order);
    case 'close':
      await client?.close();
      return undefined;
  }
});

async function transfer({
  carrier,
  way,
  items,
}: Extract<ClientOrder, { do: 'transfer' }>): Promise<Transfer> {
  const before = process.memoryUsage.rss();
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 20);
  const usedBefore = cpuUs();
  const startedAt = performance.now();
  if (carrier === 'socket') await bySocket(ports.socket, way, items);
  else await byHoldfast(way, items);
  const seconds = (performance.now() - startedAt) / 1_000;
  clearInterval(watch);
  const megabytesPerSecond = (items * itemBytes) / 1e6 / seconds;
  return {
    megabytesPerSecond,
    cpuUs: (cpuUs() - usedBefore) / items,
    memoryMb: (most - before) / 1e6,
  };
}

async function byHoldfast(way: Way, items: number, signal?: AbortSignal): Promise<void> {
  const { call } = client as Client<typeof verbs>;
  const options = signal === undefined ? {} : { signal };
  let bytes = 0;
  if (way === 'upload') {
    bytes = await call.upload(undefined, given(items), options);
  } else {
    for await (const { byteLength } of call.download(items, options)) bytes += byteLength;
  }
  if (bytes !== items * itemBytes) throw new Error(`${bytes} bytes came of ${items} items`);
}

function* given(items: number): Generator<Uint8Array> {
  const item = Buffer.alloc(itemBytes, 7);
  for (let sent = 0; sent < items; sent++) yield item;
}

/** Latencies of small calls, one after the other, alone or beside a transfer on the same link. */
async function touch({ beside, calls }: Extract<ClientOrder, { do: 'touch' }>): Promise<number[]> {
  const { call } = client as Client<typeof verbs>;
  const stop = new AbortController();
  const transferring =
    beside &&
    byHoldfast(beside, 1e7, stop.signal).catch((error: { code?: string }) => {
      if (error.code !== 'ERR_HOLDFAST_ABORTED') throw error;
    });
  const took: number[] = [];
  for (let made = 0; made < calls; made++) {
    const startedAt = performance.now();
    await call.touch(made);
    took.push((performance.now() - startedAt) * 1_000);
    // Each at a time of its own.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  stop.abort();
  await transferring;
  return took;
}
