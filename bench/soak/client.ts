/**
 * Clients of a soak, in a process of their own. Arguments: the folder of the run, the role (`main`
 * or `visitor`), a seed.
 *
 * SIGTERM: nothing more is begun, everything settles, the process ends with code 0 if it holds
 * nothing then. It ends when its stdin does.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom } from 'holdfast/testing';
import { between } from '../demo/random.ts';
import { Awake } from './awake.ts';
import { Calls } from './calls.ts';
import { Lane, type LanePlan } from './lane.ts';
import { files, Notebook } from './notebook.ts';
import { Sampler } from './sampler.ts';
import { type Road, readScene, roads, type ServerName, serverNames } from './scene.ts';

const [folder = '', role = '', seed = '1'] = process.argv.slice(2);
const scene = readScene(folder);
const random = seededRandom(Number(seed));
const awake = new Awake();
const calls = new Calls(folder, awake);
const story = new Notebook(folder, files.story);

const to = (server: ServerName, ...by: readonly Road[]): LanePlan[] =>
  by.map((road) => ({ server, road }));
const plans =
  role === 'main'
    ? [
        ...to('steady', 'tcp', 'tls', 'unix', 'pipe', 'ssh', 'ssh+unix', 'openssh'),
        ...to('restless', 'tcp', 'tls', 'unix', 'pipe', 'ssh+unix', 'stdio'),
      ]
    : [...to('steady', 'tls', 'stdio'), ...to('restless', 'tcp', 'openssh')];

/** Roads on which a connection costs a process or two are broken less often. */
const harmEveryMs = (road: Road): number =>
  road === 'tcp' || road === 'tls' || road === 'unix' || road === 'ssh+unix' ? 15_000 : 45_000;

const lanes = plans.map((plan) => {
  const name = `${role}${process.pid}-${plan.server}-${plan.road}`;
  const pace = { callEveryMs: 700, harmEveryMs: harmEveryMs(plan.road) };
  return new Lane(scene, plan, name, calls, random, pace);
});

let guests = 0;
let isOver = false;

/** A client that comes for some calls and goes. */
async function guest(): Promise<void> {
  const plan: LanePlan = {
    server: serverNames[between(random, 0, 1)] as ServerName,
    road: roads[between(random, 0, roads.length - 1)] as Road,
  };
  const name = `${role}${process.pid}-guest${++guests}`;
  const lane = new Lane(scene, plan, name, calls, random, {
    callEveryMs: 1_000,
    harmEveryMs: 5_000,
  });
  for (let made = 0; made < 5; made++) lane.worker.one();
  await lane.end(random() < 0.7);
}

async function guestsUntilOver(): Promise<void> {
  while (!isOver) {
    await Promise.all([guest(), delay(between(random, 3_000, 20_000), undefined)]);
  }
}

const looker = setInterval(() => calls.look(), 1_000);
const sampler = new Sampler(folder, role, scene.sampleMs, () => ({
  begun: calls.begun,
  pending: calls.pending,
  connections: lanes.reduce((sum, lane) => sum + lane.connections, 0),
  latestMs: Math.round(calls.latestMs),
  guests,
}));

process.on('unhandledRejection', (error) => {
  calls.violation(`${role}: unhandled rejection ${String(error)}`);
});
process.stdin.on('end', () => process.exit()).resume();
process.stdin.on('error', () => process.exit());
for (const lane of lanes) lane.start();
const visited = guestsUntilOver();

async function end(): Promise<void> {
  isOver = true;
  const open = new Set(lanes);
  const late = setTimeout(() => {
    for (const { name } of open) calls.violation(`${name} does not end`);
  }, 60_000);
  const ends = lanes.map((lane) => lane.end(true).then(() => open.delete(lane)));
  await Promise.all([visited, ...ends]);
  clearTimeout(late);
  clearInterval(looker);
  sampler.stop();
  awake.stop();
  // Programs that serve connections have some time to end.
  await delay(6_000);
  const { wheel } = sampler.take(`${role} (end)`);
  if (calls.begun !== calls.settled) calls.violation(`${role}: ${calls.pending} calls pending`);
  if (wheel > 0) calls.violation(`${role}: ${wheel} entries on the timer wheel at the end`);
  const { begun, outcomes, codes, latestMs } = calls;
  story.note(role, process.pid, 'ended', JSON.stringify({ begun, outcomes, codes, latestMs }));
  process.exit();
}

process.once('SIGTERM', () => void end());
