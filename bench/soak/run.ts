/**
 * A soak: servers and clients in processes of their own that work over every medium while
 * connections break and processes are killed, stopped, drained and handed over. In the end every
 * call must have settled in time and truthfully, nothing may have run twice that must not, and
 * memory and descriptors must be flat. Exit code 1 if anything is wrong.
 *
 * Usage, after `npm run build && tsc -p bench`:
 *
 *     node --expose-gc .bench/soak/run.js [--minutes N] [--seed N] [--sample SECONDS] [--json FILE]
 *
 *     --minutes N        how long; default 60
 *     --seed N           repeats what befalls whom, though not when exactly
 *     --sample SECONDS   how often memory is looked at; default 60
 *     --json FILE        where the result goes; default soak.json in the folder of the run
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { seededRandom } from 'holdfast/testing';
import { Breaker } from '../demo/breaker.ts';
import { count } from '../harness/options.ts';
import { Stage } from '../media/stage.ts';
import { ClientActor, ServerActor } from './actors.ts';
import { done, wreakHavoc } from './chaos.ts';
import { readSamples, rises, trendsOf } from './flatness.ts';
import { judge } from './judge.ts';
import { files, Notebook } from './notebook.ts';
import { cpuMsWithChildren, descendants, listProcesses } from './processes.ts';
import { type Result, report } from './report.ts';
import { Sampler } from './sampler.ts';
import { type Addresses, type Scene, type ServerName, serverNames, writeScene } from './scene.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(randomInt(1, 1_000_000)) },
    sample: { type: 'string', default: '60' },
    json: { type: 'string' },
  },
});
const minutes = count('minutes', values.minutes);
const seed = count('seed', values.seed);
const sampleMs = count('sample', values.sample) * 1000;

const folder = mkdtempSync(join(tmpdir(), 'holdfast-soak-'));
console.log(`${minutes} minutes, seed ${seed}; the folder, which is kept: ${folder}`);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function addressesOf(name: ServerName): Promise<Addresses> {
  return { tcp: await freePort(), tls: await freePort(), unix: join(folder, `${name}.sock`) };
}

const random = seededRandom(seed);
const story = new Notebook(folder, files.story);
const stage = await Stage.set(['tls', 'ssh', 'openssh']);
for (const one of stage.missing) throw new Error(one);
const servers = { steady: await addressesOf('steady'), restless: await addressesOf('restless') };
const breakers = await Promise.all(
  [servers.steady.tcp, servers.steady.tls].map((port) => Breaker.start(port, 1)),
);
const [tcpDoor = 0, tlsDoor = 0] = breakers.map(({ url }) => Number(new URL(url).port));
const certificate = stage.places.find((place) => place.medium === 'tls');
if (certificate?.medium !== 'tls') throw new Error('There is no certificate');
const scene: Scene = {
  folder,
  director: process.pid,
  sampleMs,
  cert: certificate.cert,
  key: certificate.key,
  servers,
  doors: { ...servers, steady: { ...servers.steady, tcp: tcpDoor, tls: tlsDoor } },
  places: stage.places,
};
writeScene(scene);

const [steady, restless] = serverNames.map((name) => new ServerActor(folder, name)) as [
  ServerActor,
  ServerActor,
];
await Promise.all([steady.start(), restless.start()]);
const main = new ClientActor(folder, 'main', seed + 1);
const visitor = new ClientActor(folder, 'visitor', seed + 2);
const startMs = Date.now();
const sampler = new Sampler(folder, 'director', sampleMs, () => ({
  processes: descendants(process.pid).length,
  sockets: process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length,
}));

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
const havoc = wreakHavoc(
  { steady, restless, visitor, breakers },
  random,
  12_000,
  story,
  stop.signal,
);
havoc.catch(() => stop.abort());
await delay(minutes * 60_000, undefined, { signal: stop.signal }).catch(() => {});
stop.abort();

const findings: string[] = [];
const endMs = Date.now();
const attempt = async (what: string, act: () => Promise<unknown>): Promise<void> => {
  await act().catch((error: unknown) => findings.push(`${what}: ${String(error)}`));
};
await attempt('chaos', () => havoc);
sampler.stop();
await Promise.all([
  attempt('the main clients end', () => main.end()),
  attempt('the visitors end', () => visitor.end()),
]);
await attempt('the steady server drains', () => steady.drain());
await attempt('the restless server drains', () => restless.drain());
for (const breaker of breakers) await breaker.close();
await stage.strike();
await Promise.all([main, visitor].map((clients) => clients.kill()));

const left = listProcesses().filter(
  ({ pid, command }) => pid !== process.pid && command.includes(folder),
);
for (const { pid, command } of left) findings.push(`left behind: ${pid} ${command}`);
for (const { pid, command } of descendants(process.pid))
  findings.push(`left behind: ${pid} ${command}`);

const judgement = judge(folder);
const roles = trendsOf(readSamples(folder), startMs, endMs);
const result: Result = {
  seed,
  node: process.version,
  minutes: (endMs - startMs) / 60_000,
  judgement,
  roles,
  harms: done,
  cpuShare: cpuMsWithChildren() / (endMs - startMs),
  findings: [...judgement.violations, ...rises(roles), ...findings],
};
writeFileSync(values.json ?? join(folder, 'soak.json'), `${JSON.stringify(result, null, 2)}\n`);
console.log(report(result));
process.exit(result.findings.length === 0 ? 0 : 1);
