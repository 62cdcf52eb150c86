import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client, Safety } from '../../lib/index.ts';
import { type Listener, type Medium, memory, tcp, unix } from '../../lib/index.ts';
import { openssh } from '../../lib/media/openssh.ts';
import { pipeUrl } from '../../lib/media/pipe/url.ts';
import { pipe } from '../../lib/media/pipe.ts';
import { type SshOptions, ssh } from '../../lib/media/ssh.ts';
import { tls } from '../../lib/media/tls.ts';
import { mediumOf } from '../../lib/media/url.ts';
import { Breaker } from './breaker.ts';
import { Authority } from './certificates.ts';
import { House } from './house.ts';
import type { Directions, Programs, Road, RoadKind } from './road.ts';
import { PidFile, quoted, runInShell } from './shell.ts';
import { SshServer } from './ssh-server.ts';
import type { Executions, verbs } from './verbs.ts';

export const fakeSsh: string = fileURLToPath(new URL('./fake-ssh.mjs', import.meta.url));

/** What is proper to one medium; the house is the same for all. */
interface Way {
  readonly medium: Medium;
  readonly directions?: Directions;
  readonly deaths: Readonly<Record<string, () => unknown>>;
  /** Programs that are started for each channel. */
  readonly pids?: PidFile;
  silence(): void;
  close(): Promise<unknown>;
}

/** Lays a way to a house; opens the house first. */
type Lay = (house: House, programs: Programs) => Promise<Way>;

const cut = 'the server cuts it';
const fin = 'the path ends it';
const reset = 'the path resets it';
const bridgeKilled = 'the bridge is killed';
const bridgeAsked = 'the bridge is asked to end';
const sshKilled = 'the local ssh is killed';
const sshAsked = 'the local ssh is asked to end';

async function breakerWay(
  url: string,
  make: (breaker: Breaker) => { medium: Medium; directions: Directions },
): Promise<Way> {
  const breaker = await Breaker.before(url);
  return {
    ...make(breaker),
    deaths: { [fin]: () => breaker.last.fin(), [reset]: () => breaker.last.reset() },
    silence: () => breaker.last.stall(),
    close: () => breaker.close(),
  };
}

async function layMemory(house: House): Promise<Way> {
  const here = memory();
  await house.open(() => here);
  const silence = (): void => {
    house.newest.pause();
    house.newest.write = (_parts, taken) => process.nextTick(taken, true);
  };
  return { medium: here, deaths: {}, silence, close: async () => {} };
}

async function layTcp(house: House): Promise<Way> {
  const url = await house.open((at) => tcp({ port: at === undefined ? 0 : portOf(at) }));
  return breakerWay(url, (breaker) => ({
    medium: mediumOf(breaker.url),
    directions: { url: breaker.url },
  }));
}

async function layUnix(house: House): Promise<Way> {
  const url = await openSocket(house);
  return breakerWay(url, (breaker) => ({
    medium: mediumOf(breaker.url),
    directions: { url: breaker.url },
  }));
}

async function layTls(house: House): Promise<Way> {
  const authority = new Authority();
  const identity = authority.issue({ addresses: ['127.0.0.1'] });
  const ca = join(house.folder, 'ca');
  writeFileSync(ca, authority.cert);
  const listenerAt = (at: string | undefined): Listener =>
    tls({ port: at === undefined ? 0 : portOf(at), ...identity });
  const url = await house.open(listenerAt);
  return breakerWay(url, (breaker) => {
    const port = portOf(breaker.url);
    return {
      medium: tls({ port, ca: authority.cert }),
      directions: { url: `tls://127.0.0.1:${port}?ca=${ca}` },
    };
  });
}

/** Through an SSH server in this process, with a breaker before it. */
async function laySsh(
  house: House,
  inner: Pick<SshOptions, 'command' | 'forwardTo'>,
  url: (authority: string) => string,
): Promise<Way> {
  const server = await SshServer.listen();
  server.commands.set('shell', (channel, words) => runInShell(channel, words.join(' ')));
  const way = await breakerWay(`tcp://127.0.0.1:${server.port}`, (breaker) => {
    const port = portOf(breaker.url);
    const knownHosts = server.knownHosts(port);
    const knownHostsFile = join(house.folder, 'known_hosts');
    writeFileSync(knownHostsFile, knownHosts);
    const address = new URL(url(`me@127.0.0.1:${port}`));
    address.searchParams.set('knownHostsFiles', knownHostsFile);
    return {
      medium: ssh({ host: '127.0.0.1', port, user: 'me', agent: false, knownHosts, ...inner }),
      directions: { url: address.href, env: { SSH_AUTH_SOCK: '' } },
    };
  });
  return {
    ...way,
    close: async () => {
      await way.close();
      await server.close();
    },
  };
}

const laySshUnix: Lay = async (house) => {
  await openSocket(house);
  const path = socketOf(house);
  return laySsh(house, { forwardTo: { path } }, (authority) => `ssh+unix://${authority}${path}`);
};

const laySshTcp: Lay = async (house) => {
  const url = await house.open((at) => tcp({ port: at === undefined ? 0 : portOf(at) }));
  const forwardTo = { host: '127.0.0.1', port: portOf(url) };
  return laySsh(
    house,
    { forwardTo },
    (authority) => `ssh+tcp://${authority}/127.0.0.1:${forwardTo.port}`,
  );
};

/** The words of a bridge to the house, which leaves its number. */
async function bridgeTo(
  house: House,
  { bridge }: Programs,
): Promise<{ pids: PidFile; words: readonly [string, ...string[]] }> {
  await openSocket(house);
  const pids = new PidFile(join(house.folder, 'bridges'));
  const words = pids.noting([process.execPath, bridge, 'bridge', `unix:${socketOf(house)}`]);
  return { pids, words };
}

const laySshBridge: Lay = async (house, programs) => {
  const { pids, words } = await bridgeTo(house, programs);
  const command = `shell ${words.map(quoted).join(' ')}`;
  const query = `/?command=${encodeURIComponent(command)}`;
  const way = await laySsh(house, { command }, (authority) => `ssh://${authority}${query}`);
  return {
    ...way,
    pids,
    deaths: { ...way.deaths, [bridgeKilled]: () => pids.signal('SIGKILL') },
  };
};

const layOpenssh: Lay = async (house, programs) => {
  const { pids, words } = await bridgeTo(house, programs);
  const command = `shell ${words.map(quoted).join(' ')}`;
  const locals = new PidFile(join(house.folder, 'locals'));
  const [program, ...args] = locals.noting([process.execPath, fakeSsh]);
  return {
    medium: openssh({ host: 'good', command, program, args }),
    pids,
    directions: opensshDirections(house.folder, command),
    deaths: {
      [sshKilled]: () => locals.signal('SIGKILL'),
      [sshAsked]: () => locals.signal('SIGTERM'),
      [bridgeKilled]: () => pids.signal('SIGKILL'),
    },
    silence: () => locals.stop(),
    close: async () => {},
  };
};

const layPipe: Lay = async (house, programs) => {
  const { pids, words } = await bridgeTo(house, programs);
  const [command, ...args] = words;
  return {
    medium: pipe({ command, args, termAfterMs: 20, killAfterMs: 20 }),
    pids,
    directions: { url: pipeUrl({ command, args }) },
    deaths: {
      [bridgeKilled]: () => pids.signal('SIGKILL'),
      [bridgeAsked]: () => pids.signal('SIGTERM'),
    },
    silence: () => pids.stop(),
    close: async () => {},
  };
};

/** A road to a server that is there before anybody comes, and stays. */
class LastingRoad implements Road {
  readonly medium: Medium;
  readonly directions: Directions | undefined;
  readonly #house: House;
  readonly #way: Way;

  constructor(house: House, way: Way) {
    this.medium = way.medium;
    this.directions = way.directions;
    this.#house = house;
    this.#way = way;
  }

  executions(): Executions {
    return this.#house.executions;
  }

  stall(client: Client<typeof verbs>, safety: Safety, name: string): Promise<string> {
    this.#house.hold();
    return client.call[safety](name);
  }

  stalled(name: string): string {
    return name;
  }

  release(): void {
    this.#house.release();
  }

  running(): readonly number[] {
    return this.#way.pids?.running() ?? [];
  }

  die(how: string): unknown {
    if (how === cut) return this.#house.newest.destroy();
    return this.#way.deaths[how]?.();
  }

  silence(): void {
    this.#way.silence();
  }

  stray(text: string): void {
    this.#house.newest.write([Buffer.from(text)], () => {});
  }

  greetWith(text: string): void {
    this.#house.greeting = text;
  }

  restart(): Promise<unknown> {
    return this.#house.restart();
  }

  async close(): Promise<void> {
    await this.#way.close();
    await this.#house.close();
  }
}

function kind(name: string, deaths: readonly string[], lay: Lay): RoadKind {
  return {
    name,
    deaths,
    isLasting: true,
    build: async (programs) => {
      const house = await House.build();
      return new LastingRoad(house, await lay(house, programs));
    },
  };
}

/** Every medium that can lead to a server that outlives the channel. */
export const lastingRoads: readonly RoadKind[] = [
  kind('memory', [cut], layMemory),
  kind('tcp', [cut, fin, reset], layTcp),
  kind('unix', [cut, fin], layUnix),
  kind('tls', [cut, fin, reset], layTls),
  kind('pipe to a bridge', [cut, bridgeKilled, bridgeAsked], layPipe),
  kind('ssh+unix', [cut, fin, reset], laySshUnix),
  kind('ssh+tcp', [cut, fin, reset], laySshTcp),
  kind('ssh to a bridge', [cut, fin, reset, bridgeKilled], laySshBridge),
  kind('openssh to a bridge', [cut, bridgeKilled, sshKilled, sshAsked], layOpenssh),
];

/** For a process that uses openssh: it finds a program that stands for ssh. */
export function opensshDirections(folder: string, command: string): Directions {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const script = `#!/bin/sh\nexec ${quoted(process.execPath)} ${quoted(fakeSsh)} "$@"\n`;
  writeFileSync(join(bin, 'ssh'), script, { mode: 0o755 });
  const PATH = `${bin}:${process.env['PATH']}`;
  return { url: `openssh://good/?command=${encodeURIComponent(command)}`, env: { PATH } };
}

function socketOf(house: House): string {
  return join(house.folder, 'socket');
}

function openSocket(house: House): Promise<string> {
  return house.open(() => unix({ path: socketOf(house) }));
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}
