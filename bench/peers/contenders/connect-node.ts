import { createServer } from 'node:http2';
import { createFileRegistry, type DescService, fromJson } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import {
  connectNodeAdapter,
  createConnectTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import { type CallKind, type Contender, calls, type ObjectReply } from '../../contender.ts';
import { listen } from '../support/listen.ts';
import { fileOfService } from '../support/service-descriptor.ts';

const registry = createFileRegistry(fromJson(FileDescriptorSetSchema, { file: [fileOfService] }));
const service = registry.getService('bench.Bench') as DescService;

const kinds = Object.keys(calls) as CallKind[];

type Unary = (request: unknown) => Promise<{ value: unknown }>;

/** The Connect protocol over HTTP/2, with the same messages as gRPC. */
export const contender: Contender = {
  name: 'connect-node',

  async serve() {
    const handler = connectNodeAdapter({
      routes(router) {
        const methods = Object.fromEntries(
          kinds.map((kind) => {
            const { reply } = calls[kind];
            const message = kind === 'object' ? reply : { value: reply };
            return [kind, () => message];
          }),
        );
        router.service(service, methods as never);
      },
    });
    const server = createServer(handler);
    return await listen(server, 'http://127.0.0.1:');
  },

  async connect(address) {
    const sessionManager = new Http2SessionManager(address);
    const transport = createConnectTransport({
      baseUrl: address,
      httpVersion: '2',
      useBinaryFormat: true,
      sessionManager,
    });
    const client = createClient(service, transport) as unknown as Record<CallKind, Unary>;
    return {
      async call(kind) {
        const reply = await client[kind]({ value: calls[kind].argument });
        return kind === 'object' ? plain(reply as unknown as ObjectReply) : reply.value;
      },
      close: async () => sessionManager.abort(),
    };
  },
};

/** Messages name their types, which the reply of the others does not have. */
function plain({ kind, page, total, items }: ObjectReply): ObjectReply {
  return {
    kind,
    page,
    total,
    items: items.map(({ id, customer, email, state, cents, weight, isGift, tags }) => {
      return { id, customer, email, state, cents, weight, isGift, tags };
    }),
  };
}
