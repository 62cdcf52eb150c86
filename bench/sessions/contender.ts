import { connect, defineVerbs, mutate, read, serve } from 'holdfast';
import { argument, bytesReply, type Contender, smallReply } from '../contender.ts';

const verbs = defineVerbs({
  readSmall: read<string, string>(),
  readBytes: read<string, Uint8Array>(),
  mutateSmall: mutate<string, string>(),
  mutateBytes: mutate<string, Uint8Array>(),
});

/**
 * This package with verbs of one class: the answers of `mutate` verbs are recorded until the client
 * acknowledges them, those of `read` verbs are not. Everything else is the same.
 */
export function contenderOf(safety: 'read' | 'mutate'): Contender {
  return {
    name: safety,

    async serve() {
      const handlers = {
        readSmall: () => smallReply,
        readBytes: () => bytesReply,
        mutateSmall: () => smallReply,
        mutateBytes: () => bytesReply,
      };
      const server = await serve(verbs, handlers, { listen: 'tcp://127.0.0.1:0' });
      const [address] = server.urls;
      if (address === undefined) throw new Error('The server listens nowhere');
      return { address, close: () => server.close() };
    },

    async connect(address) {
      const client = connect(address, verbs);
      await client.ready();
      const { readSmall, readBytes, mutateSmall, mutateBytes } = client.call;
      const [small, bytes] =
        safety === 'read' ? [readSmall, readBytes] : [mutateSmall, mutateBytes];
      return {
        call: (kind) => (kind === 'small' ? small(argument) : bytes(argument)),
        close: () => client.close(),
      };
    },
  };
}
