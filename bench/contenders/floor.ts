import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { type Contender, calls } from '../contender.ts';
import { programCommand, shellCommand } from '../harness/program.ts';
import { media, opensshHost, type Place } from '../place.ts';
import { type FloorChannel, openChild, openSocket, openTls } from './floor/channel.ts';
import { FloorClient } from './floor/client.ts';
import { handlers, verbs } from './floor/handlers.ts';
import { type FloorHandler, FloorServer } from './floor/server.ts';

const program = new URL('./floor/program.js', import.meta.url);

/**
 * The floor: the fastest RPC that could be written by hand on the raw channel of a medium, with
 * msgpackr. Frames of one turn of the event loop are packed into one reused buffer and written once,
 * replies are parsed in place, pending calls sit in slots. It promises nothing: no deadlines, limits
 * or retries.
 */
export const contender: Contender = {
  name: 'floor',
  media,

  async serve(place) {
    const server = serverAt(place, handlers);
    const where =
      place.medium === 'unix'
        ? { path: `${place.folder}/floor.sock` }
        : { host: '127.0.0.1', port: 0 };
    return { address: await server.listen(where), close: () => server.close() };
  },

  async connect(address, place) {
    const client = new FloorClient(await openFloor(address, place));
    return {
      call: (kind) => client.call(verbs[kind], calls[kind].argument),
      close: () => client.close(),
    };
  },
};

/** A server of the floor that does not listen yet. */
export function serverAt(place: Place, served: readonly FloorHandler[]): FloorServer {
  if (place.medium !== 'tls') {
    return new FloorServer(createServer({ noDelay: true }), 'connection', served);
  }
  const { cert, key } = place;
  const server = createTlsServer({ cert, key, noDelay: true });
  return new FloorServer(server, 'secureConnection', served);
}

/** Opens the raw channel of a medium. */
export async function openFloor(address: string, place: Place): Promise<FloorChannel> {
  switch (place.medium) {
    case 'tcp':
      return await openSocket({ host: '127.0.0.1', port: Number(address) });
    case 'unix':
      return await openSocket({ path: address });
    case 'tls':
      return await openTls(Number(address), place.cert);
    case 'pipe':
      return await openChild(programCommand(program));
    case 'ssh': {
      const { openSsh } = await import('./floor/ssh.ts');
      return await openSsh(place, shellCommand(program));
    }
    case 'openssh': {
      const options = ['-T', '-F', place.configFile, '-o', 'BatchMode=yes'];
      return await openChild(['ssh', ...options, '--', opensshHost, shellCommand(program)]);
    }
  }
}
