/** The servers of the recovery benchmark, floor and holdfast, which cut their connections. */
import { type Channel, type Listener, serve, tcp, unix } from 'holdfast';
import { tls } from 'holdfast/tls';
import { serverAt } from '../contenders/floor.ts';
import { obey } from '../harness/orders.ts';
import { Cut } from './cut.ts';
import type { Addresses, RecoveryPlace, ServerOrder } from './samples.ts';
import { slowPath } from './slow-path.ts';
import { verbs } from './verbs.ts';

type Close = () => Promise<void>;
const open: Close[] = [];

await obey(async (order: ServerOrder) => {
  if (order.do === 'close') {
    for (const close of open.toReversed()) await close();
    return undefined;
  }
  const { place, delayMs } = order;
  const prefix = place.medium === 'unix' ? `${place.folder}/${delayMs}-ms-` : '';
  const addresses: Addresses = {
    floor: await serveFloor(place, `${prefix}floor`),
    holdfast: await serveHoldfast(place, `${prefix}holdfast`),
  };
  if (delayMs === 0) return addresses;
  return {
    floor: await slowed(addresses.floor, delayMs),
    holdfast: await slowed(addresses.holdfast, delayMs),
  };
});

async function slowed(address: string, delayMs: number): Promise<string> {
  const path = await slowPath(address, delayMs);
  open.push(path.close);
  return path.address;
}

async function serveFloor(place: RecoveryPlace, path: string): Promise<string> {
  const cut = new Cut(() => server.last?.destroy());
  const recover = (given: unknown): unknown => {
    const round = Number(given);
    const isAnswered = !cut.isNew(round);
    const atUs = cut.call(round);
    // An answer to the first would be written to a socket that is destroyed: an error, which takes time.
    return isAnswered ? atUs : new Promise(() => {});
  };
  const server = serverAt(place, [() => 0, recover]);
  open.push(() => server.close());
  return server.listen(place.medium === 'unix' ? { path } : { host: '127.0.0.1', port: 0 });
}

async function serveHoldfast(place: RecoveryPlace, path: string): Promise<string> {
  let last: Channel | undefined;
  const cut = new Cut(() => last?.destroy());
  const listener = listenerAt(place, path);
  const listen: Listener = {
    listen: (accept) =>
      listener.listen((channel) => {
        last = channel;
        accept(channel);
      }),
  };
  const recover = (round: number): number => cut.call(round);
  const server = await serve(verbs, { touch: () => 0, read: recover, mutate: recover }, { listen });
  open.push(() => server.close());
  return place.medium === 'unix' ? path : new URL(server.urls[0] ?? '').port;
}

function listenerAt(place: RecoveryPlace, path: string): Listener {
  switch (place.medium) {
    case 'tcp':
      return tcp({ port: 0 });
    case 'unix':
      return unix({ path });
    case 'tls':
      return tls({ port: 0, cert: place.cert, key: place.key });
  }
}
