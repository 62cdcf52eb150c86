/** The servers of the streaming benchmark, by hand and by holdfast. */
import { serve } from 'holdfast';
import { cpuUs, obey } from '../harness/orders.ts';
import { serveSockets } from './socket.ts';
import { itemBytes, type Ports, type ServerOrder, verbs } from './verbs.ts';

const closing: (() => Promise<void>)[] = [];
let mostBytes = 0;
setInterval(note, 20).unref();

await obey(async (order: ServerOrder | { readonly do: 'close' }) => {
  switch (order.do) {
    case 'serve':
      return await serveAll();
    case 'memory': {
      const most = mostBytes;
      mostBytes = 0;
      return most / 1e6;
    }
    case 'cpu':
      return cpuUs();
    case 'close':
      for (const close of closing) await close();
      return undefined;
  }
});

async function serveAll(): Promise<Ports> {
  const sockets = await serveSockets();
  closing.push(() => sockets.close());
  const server = await serve(
    verbs,
    {
      async *download(items) {
        const item = Buffer.alloc(itemBytes, 7);
        for (let given = 0; given < items; given++) {
          yield item;
        }
      },
      async upload(_input, { items }) {
        let bytes = 0;
        for await (const { byteLength } of items) {
          bytes += byteLength;
        }
        return bytes;
      },
      touch: (value) => value,
    },
    { listen: 'tcp://127.0.0.1:0' },
  );
  closing.push(() => server.close());
  return { socket: sockets.port, holdfast: Number(new URL(server.urls[0] ?? '').port) };
}

function note(): void {
  mostBytes = Math.max(mostBytes, process.memoryUsage.rss());
}
