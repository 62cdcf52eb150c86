import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { Server, Socket } from 'node:net';
import { type CallKind, type Contender, calls, type ObjectReply } from '../../contender.ts';
import { listen } from '../support/listen.ts';

/** What of thrift is used: it has no types of its own, and its code is CommonJS. */
interface Thrift {
  readonly TFramedTransport: unknown;
  readonly TBinaryProtocol: unknown;
  createServer(service: unknown, handlers: unknown, options: unknown): Server;
  createConnection(
    host: string,
    port: number,
    options: unknown,
  ): { readonly connection: Socket; on(event: 'error', listener: () => void): void; end(): void };
  createClient(
    service: unknown,
    connection: unknown,
  ): Record<CallKind, (a: unknown) => Promise<unknown>>;
}

const require = createRequire(import.meta.url);
const thrift = require('thrift') as Thrift;
const service: unknown = require('../../../generated/Bench.js');
const { Page, Item } = require('../../../generated/service_types.js') as Record<
  'Page' | 'Item',
  new (
    fields: unknown,
  ) => object
>;

const options = { transport: thrift.TFramedTransport, protocol: thrift.TBinaryProtocol };

/** Thrift's binary protocol in frames, with generated code on both sides. */
export const contender: Contender = {
  name: 'thrift',

  async serve() {
    const { items, ...rest } = calls.object.reply as ObjectReply;
    const page = new Page({ ...rest, items: items.map((item) => new Item(item)) });
    // By its number of parameters the generated code tells that a handler answers by what it returns.
    const handlers: Record<CallKind, (argument: unknown) => unknown> = {
      small: (_argument) => calls.small.reply,
      bytes: (_argument) => calls.bytes.reply,
      both: (_argument) => calls.both.reply,
      object: (_argument) => page,
    };
    const server = thrift.createServer(service, handlers, options);
    return await listen(server);
  },

  async connect(address) {
    const connection = thrift.createConnection('127.0.0.1', Number(address), options);
    await once(connection.connection, 'connect');
    connection.connection.setNoDelay(true);
    const client = thrift.createClient(service, connection);
    return {
      async call(kind) {
        const reply = await client[kind](calls[kind].argument);
        return kind === 'object' ? plain(reply as ObjectReply) : reply;
      },
      async close() {
        connection.connection.destroy();
      },
    };
  },
};

/** Without the classes of the generated code. */
function plain({ items, ...rest }: ObjectReply): ObjectReply {
  return { ...rest, items: items.map((item) => ({ ...item })) };
}
