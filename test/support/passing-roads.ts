import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client, Medium, Safety } from '../../lib/index.ts';
import { openssh } from '../../lib/media/openssh.ts';
import { pipeUrl } from '../../lib/media/pipe/url.ts';
import { pipe } from '../../lib/media/pipe.ts';
import { ssh } from '../../lib/media/ssh.ts';
import { Breaker } from './breaker.ts';
import { fakeSsh, opensshDirections } from './lasting-roads.ts';
import type { Directions, Road, RoadKind } from './road.ts';
import { PidFile, quoted, runInShell } from './shell.ts';
import { SshServer } from './ssh-server.ts';
import { Executions, type verbs } from './verbs.ts';

type Death = (client: Client<typeof verbs>) => unknown;

/** What is proper to one medium; the program is the same for all. */
interface Way {
  readonly medium: Medium;
  readonly directions: Directions;
  readonly deaths: Readonly<Record<string, Death>>;
  close(): Promise<unknown>;
}

/** @param words the program, which leaves its number in `pids` */
type Lay = (folder: string, words: readonly [string, ...string[]]) => Promise<Way>;

const layPipe: Lay = async (_folder, [command, ...args]) => {
  return {
    medium: pipe({ command, args, termAfterMs: 20, killAfterMs: 20 }),
    directions: { url: pipeUrl({ command, args }) },
    deaths: {},
    close: async () => {},
  };
};

const laySsh: Lay = async (folder, words) => {
  const server = await SshServer.listen();
  server.commands.set('shell', (channel, line) => runInShell(channel, line.join(' ')));
  const breaker = await Breaker.before(`tcp://127.0.0.1:${server.port}`);
  const port = Number(new URL(breaker.url).port);
  const knownHosts = server.knownHosts(port);
  const file = join(folder, 'known_hosts');
  writeFileSync(file, knownHosts);
  const command = `shell ${words.map(quoted).join(' ')}`;
  const query = `command=${encodeURIComponent(command)}&knownHostsFiles=${file}`;
  return {
    medium: ssh({ host: '127.0.0.1', port, user: 'me', agent: false, knownHosts, command }),
    directions: { url: `ssh://me@127.0.0.1:${port}/?${query}`, env: { SSH_AUTH_SOCK: '' } },
    deaths: { [fin]: () => breaker.last.fin(), [reset]: () => breaker.last.reset() },
    close: async () => {
      await breaker.close();
      await server.close();
    },
  };
};

const layOpenssh: Lay = async (folder, words) => {
  const command = `shell ${words.map(quoted).join(' ')}`;
  const locals = new PidFile(join(folder, 'locals'));
  const [program, ...args] = locals.noting([process.execPath, fakeSsh]);
  return {
    medium: openssh({ host: 'good', command, program, args }),
    directions: opensshDirections(folder, command),
    deaths: { [sshKilled]: () => locals.signal('SIGKILL') },
    close: async () => {},
  };
};

/** A road whose server is a program that is started for each channel. */
class PassingRoad implements Road {
  readonly medium: Medium;
  readonly directions: Directions;
  readonly #folder: string;
  readonly #pids: PidFile;
  readonly #way: Way;

  constructor(folder: string, pids: PidFile, way: Way) {
    this.medium = way.medium;
    this.directions = way.directions;
    this.#folder = folder;
    this.#pids = pids;
    this.#way = way;
  }

  executions(): Executions {
    const all = new Executions();
    for (const line of readFileSync(logIn(this.#folder), 'utf8').split('\n')) all.note(line);
    return all;
  }

  /** The program answers such a call only when it was begun before, by one that is gone. */
  stall(client: Client<typeof verbs>, safety: Safety, name: string): Promise<string> {
    return client.call[safety](this.stalled(name));
  }

  stalled(name: string): string {
    return `stall ${name}`;
  }

  release(): void {}

  running(): readonly number[] {
    return this.#pids.running();
  }

  die(how: string, client: Client<typeof verbs>): unknown {
    const word = words[how];
    if (word !== undefined) return client.call.read(word);
    const signal = signals[how];
    return signal === undefined ? this.#way.deaths[how]?.(client) : this.#pids.signal(signal);
  }

  silence(): void {
    this.#pids.stop();
  }

  stray(text: string, client: Client<typeof verbs>): Promise<unknown> {
    return client.call.read(`stray ${text}`);
  }

  greetWith(text: string): void {
    writeFileSync(`${logIn(this.#folder)}.greeting`, text);
  }

  restart(client: Client<typeof verbs>): Promise<unknown> {
    return client.call.read('drain');
  }

  async close(): Promise<void> {
    this.#pids.end();
    await this.#way.close();
    // A program that was cut off may just leave its last note there.
    await rm(this.#folder, { recursive: true, maxRetries: 10 });
  }
}

function logIn(folder: string): string {
  return join(folder, 'log');
}

const fin = 'the path ends it';
const reset = 'the path resets it';
const sshKilled = 'the local ssh is killed';

/** Deaths that every program can die; one is enough where the medium has some of its own. */
const signals: Readonly<Record<string, NodeJS.Signals>> = {
  'the server is killed': 'SIGKILL',
  'the server is asked to end': 'SIGTERM',
};
const words: Readonly<Record<string, string>> = {
  'the server exits with 0': 'exit-soon 0',
  'the server exits with 3': 'exit-soon 3',
};

function kind(name: string, deaths: readonly string[], lay: Lay): RoadKind {
  return {
    name,
    deaths: ['the server is killed', ...deaths],
    isLasting: false,
    build: async ({ server }) => {
      const folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
      const log = logIn(folder);
      writeFileSync(log, '');
      const pids = new PidFile(join(folder, 'pids'));
      const program = pids.noting([process.execPath, server, log, 'greet']);
      return new PassingRoad(folder, pids, await lay(folder, [...program]));
    },
  };
}

/** Every medium whose server can be a program that lives as long as the channel. */
export const passingRoads: readonly RoadKind[] = [
  kind('pipe', ['the server is asked to end', ...Object.keys(words)], layPipe),
  kind('ssh', [fin, reset], laySsh),
  kind('openssh', [sshKilled], layOpenssh),
];
