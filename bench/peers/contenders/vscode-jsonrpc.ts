import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import {
  createMessageConnection,
  type MessageConnection,
  SocketMessageReader,
  SocketMessageWriter,
} from 'vscode-jsonrpc/node';
import { type CallKind, type Contender, calls } from '../../contender.ts';
import { fromJson, toJson } from '../support/json-bytes.ts';
import { listen } from '../support/listen.ts';

function over(socket: Socket): MessageConnection {
  socket.setNoDelay(true);
  return createMessageConnection(new SocketMessageReader(socket), new SocketMessageWriter(socket));
}

/** What editors speak with their language servers: JSON-RPC 2.0, here over a socket. */
export const contender: Contender = {
  name: 'vscode-jsonrpc',

  async serve() {
    const server = createServer((socket) => {
      const connection = over(socket);
      for (const kind of Object.keys(calls) as CallKind[]) {
        connection.onRequest(kind, () => toJson(calls[kind].reply));
      }
      connection.listen();
    });
    return await listen(server);
  },

  async connect(address) {
    const socket = connect(Number(address), '127.0.0.1');
    await once(socket, 'connect');
    const connection = over(socket);
    connection.listen();
    return {
      call: async (kind) =>
        fromJson(kind, await connection.sendRequest(kind, toJson(calls[kind].argument))),
      async close() {
        connection.dispose();
        socket.destroy();
      },
    };
  },
};
