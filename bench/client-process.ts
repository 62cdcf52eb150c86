/** The client of one contender, in a process of its own. Argument: its module's URL. */
import { isDeepStrictEqual } from 'node:util';
import { type CallKind, type ContenderClient, calls } from './contender.ts';
import { runLoad } from './harness/load.ts';
import {
  cpuUs,
  heapBytes,
  loadContender,
  type Open,
  type Order,
  obey,
  restingHeapBytes,
} from './harness/orders.ts';
import { persist } from './harness/persist.ts';

const [url = ''] = process.argv.slice(2);
let client: ContenderClient | undefined;

function connected(): ContenderClient {
  if (client === undefined) throw new Error('Not connected');
  return client;
}

const checked = new Set<CallKind>();

/** A contender that answers with something else is fast for the wrong reason. */
async function checkReply(asked: ContenderClient, kind: CallKind): Promise<void> {
  if (checked.has(kind)) return;
  checked.add(kind);
  const reply = await asked.call(kind);
  const wanted = calls[kind].reply;
  const isRight = Buffer.isBuffer(wanted)
    ? reply instanceof Uint8Array && wanted.compare(reply) === 0
    : isDeepStrictEqual(reply, wanted);
  if (!isRight) throw new Error(`Wrong reply to a call for ${kind}`);
}

const further: ContenderClient[] = [];

/** Opens more connections, which stay idle. */
async function openMore({ address, place, connections }: Open): Promise<void> {
  const contender = await loadContender(url);
  for (let opened = 0; opened < connections; opened++) {
    const one = await contender.connect(address, place);
    // Some connect only then.
    await one.call('small');
    further.push(one);
  }
}

/** What a call holds at the client while it is outstanding, its promise included. */
async function heldBytes(asked: ContenderClient, count: number): Promise<number> {
  const held: Promise<unknown>[] = new Array(count);
  const before = await restingHeapBytes();
  for (let made = 0; made < count; made++) held[made] = asked.call('small');
  const after = heapBytes();
  await Promise.all(held);
  return (after - before) / count;
}

async function onOrder(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'connect': {
      const contender = await loadContender(url);
      client = await contender.connect(order.address, order.place);
      return undefined;
    }
    case 'load':
      await checkReply(connected(), order.load.kind);
      return await runLoad(connected(), order.load);
    case 'cpu':
      return cpuUs();
    case 'close':
      for (const one of further) await one.close();
      return await client?.close();
    case 'memory':
      return await restingHeapBytes();
    case 'open':
      return await openMore(order);
    case 'hold':
      return await heldBytes(connected(), order.calls);
    case 'persist':
      return await persist(connected(), order.limitMs);
    case 'serve':
      throw new Error('A client does not serve');
  }
}

await obey(onOrder);
