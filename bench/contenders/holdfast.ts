import { connect, type Listener, type Medium, serve } from 'holdfast';
import { argument, bytesReply, type CallKind, type Contender } from '../contender.ts';
import { programCommand, shellCommand } from '../harness/program.ts';
import { media, opensshHost, type Place } from '../place.ts';
import { handlers, verbs } from './holdfast/verbs.ts';

const program = new URL('./holdfast/program.js', import.meta.url);

/** This package as its users get it: built, and with every default on. */
export const contender: Contender = {
  name: 'holdfast',
  media,

  async serve(place) {
    const server = await serve(verbs, handlers, { listen: await listenerAt(place) });
    const [address] = server.urls;
    if (address === undefined) throw new Error('The server listens nowhere');
    return { address, close: () => server.close() };
  },

  async connect(address, place) {
    const client = connect(await mediumAt(address, place), verbs);
    await client.ready();
    const { call } = client;
    const make: Record<CallKind, () => Promise<unknown>> = {
      small: () => call.small(argument),
      bytes: () => call.bytes(argument),
      both: () => call.both(bytesReply),
      object: () => call.object(argument),
    };
    return { call: (kind) => make[kind](), close: () => client.close() };
  },
};

/** What a server listens on. */
export async function listenerAt(place: Place): Promise<string | Listener> {
  if (place.medium === 'unix') return `unix:${place.folder}/holdfast.sock`;
  if (place.medium !== 'tls') return 'tcp://127.0.0.1:0';
  const { tls } = await import('holdfast/tls');
  return tls({ port: 0, cert: place.cert, key: place.key });
}

/** What a client dials. */
export async function mediumAt(address: string, place: Place): Promise<string | Medium> {
  switch (place.medium) {
    case 'tcp':
    case 'unix':
      return address;
    case 'tls': {
      const { tls } = await import('holdfast/tls');
      return tls({ port: Number(new URL(address).port), ca: place.cert });
    }
    case 'pipe': {
      const { pipe } = await import('holdfast/pipe');
      const [command = '', ...args] = programCommand(program);
      return pipe({ command, args });
    }
    case 'ssh': {
      const { ssh } = await import('holdfast/ssh');
      const { port, user, privateKey, knownHosts } = place;
      const command = shellCommand(program);
      return ssh({ host: '127.0.0.1', port, user, privateKey, knownHosts, command });
    }
    case 'openssh': {
      const { openssh } = await import('holdfast/openssh');
      const { configFile } = place;
      return openssh({ host: opensshHost, configFile, command: shellCommand(program) });
    }
  }
}
