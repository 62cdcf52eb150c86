/**
 * Feeds mutated inputs to all that takes bytes from outside, guided by which parts of the library
 * they reach, and keeps in `corpus` those that reach something new:
 *
 *     npm run fuzz -- --minutes 10 --seed 7 --target client-frames --target server
 *
 * The target `server` is a whole server, among clients that send such inputs, while another one goes
 * on calling. Its exit code is 1 when an input was too much; that input is kept too, and is then a part of the
 * tests.
 */
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { seededRandom } from '../../lib/testing/index.ts';
import { TriedServer } from '../support/tried-server.ts';
import { Corpus } from './corpus.ts';
import { harass } from './harass.ts';
import { targets } from './targets.ts';
import { type Job, type News, viewBytes } from './worker.ts';

/** An input on which a target works for so long is a hang. */
const hangMs = 20_000;

const { values: given } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    target: { type: 'string', multiple: true, default: [] },
  },
});

const seed = Number(given.seed);
const isChosen = (name: string): boolean =>
  given.target.length === 0 || given.target.includes(name);
const chosen = [...targets.map(({ name }) => name), 'server'].filter(isChosen);
const ms = (Number(given.minutes) * 60_000) / chosen.length;

/** A thread does not have what the main one was started with. */
const start = `import('tsx/esm/api').then(({ register }) => {
  register();
  return import(${JSON.stringify(new URL('./worker.ts', import.meta.url))});
})`;

/** Runs a target in a thread of its own, which is ended when it hangs. */
function fuzz(target: string): Promise<News> {
  const view = new SharedArrayBuffer(viewBytes);
  const counts = new Int32Array(view, 0, 2);
  const job: Job = { target, seed, ms, view };
  const worker = new Worker(start, {
    eval: true,
    workerData: job,
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  });
  return new Promise((resolve) => {
    let seen = 0;
    const failed = (crash: string): void => {
      const input = Buffer.from(view.slice(8, 8 + (counts[1] as number)));
      new Corpus(target).addFound(input);
      const text = `${target}: ${crash}, with ${input.toString('hex')}`;
      resolve({ inputs: counts[0] as number, parts: 0, kept: 0, crash: text });
    };
    const watch = setInterval(() => {
      if (counts[0] === seen) {
        failed('it hangs');
        void worker.terminate();
      }
      seen = counts[0] as number;
    }, hangMs);
    worker.once('message', resolve);
    worker.once('error', (error) => failed(error.message));
    worker.once('exit', () => clearInterval(watch));
  });
}

/** Bad clients between two looks at the server. */
const crowd = 500;

async function fuzzServer(): Promise<News> {
  const random = seededRandom(seed);
  const until = performance.now() + ms;
  let inputs = 0;
  try {
    const tried = await TriedServer.withBystander();
    while (performance.now() < until) {
      await harass(tried.url, random, crowd);
      inputs += crowd;
      tried.openAll();
      const connections = await tried.connections();
      if (connections !== 1) throw new Error(`${connections - 1} connections are left`);
    }
    await tried.stop();
    return { inputs, parts: 0, kept: 0, crash: undefined };
  } catch (error) {
    return { inputs, parts: 0, kept: 0, crash: String(error) };
  }
}

console.log(`seed ${seed}, ${(ms / 1_000).toFixed(1)} s for each target`);
for (const name of chosen) {
  const { inputs, parts, kept, crash } = await (name === 'server' ? fuzzServer() : fuzz(name));
  console.log(`${name.padEnd(16)} ${inputs} inputs, ${parts} parts reached, ${kept} inputs kept`);
  if (crash === undefined) continue;
  console.error(crash);
  process.exitCode = 1;
}
// A server that could not be ended would keep the process alive.
process.exit();
