import { argument, bytesReply, type Contender, smallReply } from '../contender.ts';
import { FloorClient } from './floor/client.ts';
import { FloorServer } from './floor/server.ts';

const verbs = { small: 0, bytes: 1 } as const;

/**
 * The floor: the fastest RPC that could be written by hand with `net` and msgpackr. Frames of one
 * turn of the event loop are packed into one reused buffer and written once, replies are parsed in
 * place, pending calls sit in slots. It promises nothing: no deadlines, limits or retries.
 */
export const contender: Contender = {
  name: 'floor',

  async serve() {
    const server = new FloorServer([() => smallReply, () => bytesReply]);
    const port = await server.listen();
    return { address: String(port), close: () => server.close() };
  },

  async connect(address) {
    const client = new FloorClient(Number(address));
    await client.ready();
    return {
      call: (kind) => client.call(verbs[kind], argument),
      close: () => client.close(),
    };
  },
};
