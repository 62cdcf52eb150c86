/**
 * A server of a soak, in a process of its own. Arguments: the folder of the run, the server's name.
 *
 * SIGTERM drains it, SIGHUP hands it over to a new process. It ends when the director does.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drainOnSignals, handOver, inherit, type Server, serve } from 'holdfast';
import { lmdbCompletions } from 'holdfast/completions/lmdb';
import { tls } from 'holdfast/tls';
import { handlersOf } from './handlers.ts';
import { files, Notebook } from './notebook.ts';
import { Sampler } from './sampler.ts';
import { readScene, type ServerName } from './scene.ts';
import { verbs } from './verbs.ts';

const [folder = '', given = ''] = process.argv.slice(2);
const name = given as ServerName;
const scene = readScene(folder);
const story = new Notebook(folder, files.story);
const at = scene.servers[name];

// Records of `once` calls must outlive the server that is killed; the other one keeps its own.
const store =
  name === 'restless' ? await lmdbCompletions({ path: join(folder, 'once.mdb') }) : undefined;

const server = await serve(verbs, handlersOf(folder), {
  listen: inherit([
    `tcp://127.0.0.1:${at.tcp}`,
    tls({ port: at.tls, cert: scene.cert, key: scene.key }),
    `unix:${at.unix}`,
  ]),
  // So that what is kept for a while reaches its full size early in a run.
  keepRecordsMs: 60_000,
  maxSessions: 200,
  ...(store === undefined ? {} : { completions: store }),
});
server.on('fault', ({ error }) => story.note('fault at', name, error.code));
server.on('storeError', ({ verb, error }) => story.note('store of', name, verb, String(error)));

interface Inside {
  readonly core: {
    readonly sessions: { readonly size: number; running(): Iterable<unknown> };
  };
}
const { core } = server as Server & Inside;
const sampler = new Sampler(folder, name, scene.sampleMs, () => ({
  connections: server.connections,
  sessions: core.sessions.size,
  running: [...core.sessions.running()].length,
}));

async function end(how: string, cut: number): Promise<void> {
  story.note(name, process.pid, how, 'cut', cut);
  await store?.close();
  process.exit();
}

drainOnSignals(server, { onDrained: ({ cut }) => end('drained', cut.length) });
async function next(): Promise<void> {
  try {
    const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
    const { cut } = await handOver(server, command);
    await end('handed over', cut.length);
  } catch (error) {
    story.note(name, process.pid, 'cannot hand over:', String(error));
  }
}
process.on('SIGHUP', () => void next());
setInterval(() => {
  try {
    process.kill(scene.director, 0);
  } catch {
    process.exit();
  }
}, 2_000).unref();

sampler.take(`${name} (new)`);
writeFileSync(join(folder, `${name}.pid`), String(process.pid));
