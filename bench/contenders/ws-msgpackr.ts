import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { pack, unpack } from 'msgpackr';
import { WebSocket, WebSocketServer } from 'ws';
import { type CallKind, type Contender, calls } from '../contender.ts';

type Request = [id: number, verb: CallKind, argument: unknown];
type Reply = [id: number, value: unknown];

/** What most people would write: `ws`, one message per call, msgpackr, a map of ids. */
export const contender: Contender = {
  name: 'ws-msgpackr',

  async serve() {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
    server.on('connection', (socket) => {
      socket.on('message', (data) => {
        const [id, verb] = unpack(data as Buffer) as Request;
        socket.send(pack([id, calls[verb].reply]));
      });
    });
    await once(server, 'listening');
    return {
      address: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
      async close() {
        const closed = once(server, 'close');
        for (const socket of server.clients) socket.terminate();
        server.close();
        await closed;
      },
    };
  },

  async connect(address) {
    const socket = new WebSocket(address, { perMessageDeflate: false });
    const pending = new Map<number, (value: unknown) => void>();
    let lastId = 0;
    socket.on('message', (data) => {
      const [id, value] = unpack(data as Buffer) as Reply;
      const resolve = pending.get(id);
      pending.delete(id);
      resolve?.(value);
    });
    await once(socket, 'open');
    return {
      call: (kind) =>
        new Promise((resolve) => {
          const id = ++lastId;
          pending.set(id, resolve);
          socket.send(pack([id, kind, calls[kind].argument]));
        }),
      async close() {
        const closed = once(socket, 'close');
        socket.close();
        await closed;
      },
    };
  },
};
