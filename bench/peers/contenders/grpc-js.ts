import { fileURLToPath } from 'node:url';
import {
  type Client,
  credentials,
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServiceClientConstructor,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { type CallKind, type Contender, calls } from '../../contender.ts';

const file = fileURLToPath(new URL('../../../service.proto', import.meta.url));
const definition = loadSync(file, { keepCase: true, longs: Number, defaults: true });
const loaded = loadPackageDefinition(definition) as unknown as {
  bench: { Bench: ServiceClientConstructor };
};
const { Bench } = loaded.bench;

/** Each client has a connection of its own. */
const options = { 'grpc.use_local_subchannel_pool': 1 };

type Method = (
  request: unknown,
  answered: (error: Error | null, reply: { value: unknown }) => void,
) => void;

const kinds = Object.keys(calls) as CallKind[];

/** gRPC over HTTP/2 by its own library for Node, with a typed message for each call. */
export const contender: Contender = {
  name: 'grpc-js',

  async serve() {
    const server = new Server();
    const handlers: UntypedServiceImplementation = {};
    for (const kind of kinds) {
      const { reply } = calls[kind];
      const message = kind === 'object' ? reply : { value: reply };
      handlers[kind] = (_call: unknown, answer: sendUnaryData<unknown>) => answer(null, message);
    }
    server.addService(Bench.service, handlers);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    return {
      address: `127.0.0.1:${port}`,
      close: async () => server.forceShutdown(),
    };
  },

  async connect(address) {
    const client = new Bench(address, credentials.createInsecure(), options) as unknown as Client &
      Record<CallKind, Method>;
    return {
      call: (kind) =>
        new Promise((resolve, reject) => {
          client[kind]({ value: calls[kind].argument }, (error, reply) => {
            if (error) reject(error);
            else resolve(kind === 'object' ? reply : reply.value);
          });
        }),
      close: async () => client.close(),
    };
  },
};
