import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { itemBytes, type Way } from './verbs.ts';

/**
 * The same transfer by hand: a socket, buffers of the size of an item, `drain`. The client's first
 * byte says which way; four more, how many items. Who takes them says one byte at the end.
 */
const headBytes = 5;

/** A server of such transfers; gives its port. */
export async function serveSockets(): Promise<{ port: number; close(): Promise<void> }> {
  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (head: Buffer) => void answer(socket, head));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    server.close();
    await once(server, 'close');
  };
  return { port: (server.address() as AddressInfo).port, close };
}

async function answer(socket: Socket, head: Buffer): Promise<void> {
  const items = head.readUInt32BE(1);
  if (head[0] === 0) {
    await give(socket, items);
    socket.end();
    return;
  }
  await take(socket, items * itemBytes, head.subarray(headBytes));
  socket.end(Buffer.alloc(1));
}

/** Transfers so many items by a connection of its own. */
export async function bySocket(port: number, way: Way, items: number): Promise<void> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const head = Buffer.alloc(headBytes);
  head[0] = way === 'download' ? 0 : 1;
  head.writeUInt32BE(items, 1);
  socket.write(head);
  const over = once(socket, 'close');
  if (way === 'download') {
    await take(socket, items * itemBytes);
  } else {
    await give(socket, items);
    await take(socket, 1);
  }
  socket.destroy();
  await over;
}

async function give(socket: Socket, items: number): Promise<void> {
  const item = Buffer.alloc(itemBytes, 7);
  for (let sent = 0; sent < items; sent++) {
    if (!socket.write(item)) await once(socket, 'drain');
  }
}

function take(socket: Socket, bytes: number, first?: Buffer): Promise<void> {
  let taken = first?.length ?? 0;
  return new Promise((resolve) => {
    const onData = (chunk: Buffer): void => {
      taken += chunk.length;
      if (taken < bytes) return;
      socket.off('data', onData);
      resolve();
    };
    socket.on('data', onData);
  });
}
