import { connect, defineVerbs, read, serve } from 'holdfast';
import { argument, bytesReply, type Contender, smallReply } from '../contender.ts';

const verbs = defineVerbs({
  small: read<string, string>(),
  bytes: read<string, Uint8Array>(),
});

/** This package as its users get it: built, and with every default on. */
export const contender: Contender = {
  name: 'holdfast',

  async serve() {
    const server = await serve(
      verbs,
      { small: () => smallReply, bytes: () => bytesReply },
      { listen: 'tcp://127.0.0.1:0' },
    );
    const [address] = server.urls;
    if (address === undefined) throw new Error('The server listens nowhere');
    return { address, close: () => server.close() };
  },

  async connect(address) {
    const client = connect(address, verbs);
    await client.ready();
    return {
      call: (kind) =>
        kind === 'small' ? client.call.small(argument) : client.call.bytes(argument),
      close: () => client.close(),
    };
  },
};
