import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Channel,
  type Listener,
  type Listening,
  type Medium,
  tcp,
  unix,
} from '../../lib/index.ts';
import { type SshTarget, ssh } from '../../lib/media/ssh.ts';
import { SshServer } from '../support/ssh-server.ts';
import { describeMedium, type MediumSetup } from './medium-contract.ts';

/** Each scheme with what its server listens on behind the SSH server. */
const schemes: Readonly<Record<string, (folder: string) => Listener>> = {
  ssh: (folder) => unix({ path: join(folder, 'socket') }),
  'ssh+unix': (folder) => unix({ path: join(folder, 'socket') }),
  'ssh+tcp': () => tcp({ port: 0 }),
};

for (const [scheme, listenerIn] of Object.entries(schemes)) {
  describeMedium(scheme, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    const server = await SshServer.listen();

    /** Reaches what listens at a URL of this machine, through the SSH server. */
    const reach = (inner: string): Medium => {
      const { hostname, port, pathname } = new URL(inner);
      const forwardTo: SshTarget =
        scheme === 'ssh+tcp' ? { host: hostname, port: Number(port) } : { path: pathname };
      return ssh({
        host: '127.0.0.1',
        port: server.port,
        user: 'me',
        agent: false,
        knownHosts: server.knownHosts(),
        ...(scheme === 'ssh' ? { command: `join ${pathname}` } : { forwardTo }),
      });
    };

    const inners = new Map<string, string>();
    const behind = (listener: Listener): Listener => ({
      async listen(accept): Promise<Listening> {
        const wrap = (channel: Channel): void => accept(named(channel, scheme));
        const listening = await listener.listen(wrap).catch((error) => {
          throw withUrl(error, inners);
        });
        const { address } = reach(listening.url);
        inners.set(address, listening.url);
        return { url: address, close: () => listening.close() };
      },
    });
    const inner = listenerIn(folder);
    const setup: MediumSetup = {
      listener: behind(inner),
      mediumFor: (url) => reach(inners.get(url) as string),
      listenerAt: (url) => behind(listenerAt(inners.get(url) as string)),
      refusedCodes: ['ERR_HOLDFAST_DIAL'],
      resetCode: undefined,
      readsInto: false,
      cleanup: async () => {
        await server.close();
        await rm(folder, { recursive: true });
      },
    };
    return setup;
  });
}

function listenerAt(url: string): Listener {
  const { protocol, pathname, port } = new URL(url);
  return protocol === 'unix:' ? unix({ path: pathname }) : tcp({ port: Number(port) });
}

/** A channel as it is, but for the name of its medium. */
function named(channel: Channel, medium: string): Channel {
  Object.defineProperty(channel, 'peer', { value: { ...channel.peer, medium } });
  return channel;
}

/** The error of the listener behind, under the name that the outside knows. */
function withUrl(error: Error, inners: ReadonlyMap<string, string>): Error {
  for (const [address, inner] of inners) error.message = error.message.replace(inner, address);
  return error;
}
