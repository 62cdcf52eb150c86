/**
 * The bad-network experiment, after the talk "Do You Want to Retry?" (PyCon): 100 exchanges of a JSON
 * document of 7 kB, ten at a time, over a path that loses 71 % of the packets towards the client, in
 * bursts (Gilbert-Elliott, p 50 %, r 20 %). Each contender has the same losses for the same seed.
 *
 * Client and server are two network namespaces with the kernel's own TCP; the wire between them is a
 * process that reads packets from one TUN device and writes them to the other, or does not. Where that
 * cannot be had (it needs root), a model of TCP within the client's process stands in, and the output
 * says so.
 *
 * Usage: npm run bench:badnet -- [options]
 *
 *     --seed N        the first sample's seed, counted on from there (default 1)
 *     --samples K     (default 3)
 *     --only A,B      only these contenders
 *     --exchanges N   (default 100)
 *     --at-a-time N   (default 10)
 *     --cap-s N       what is not finished after so long is left (default 240)
 *     --loss P,R      percent (default 50,20)
 *     --both-ways     packets towards the server are lost too
 *     --in-process    the model of TCP, also where the kernel's could be had
 *     --parallel N    samples at a time (default 3)
 *     --out FOLDER    where results go (default: this folder's `results`); `none`: nowhere
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { choose, count } from '../harness/options.ts';
import { describeMachine, machineLine } from '../harness/report.ts';
import { contenders } from './contenders.ts';
import type { Drawing } from './drawing.ts';
import { meanLoss } from './gilbert-elliott.ts';
import { exchangesCsv, figuresOf, samplesCsv, table } from './report.ts';
import { runInProcess, type Sample, type Task } from './sample.ts';
import { lacking, runWired } from './wired-path.ts';

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    samples: { type: 'string', default: '3' },
    only: { type: 'string' },
    exchanges: { type: 'string', default: '100' },
    'at-a-time': { type: 'string', default: '10' },
    'cap-s': { type: 'string', default: '240' },
    loss: { type: 'string', default: '50,20' },
    'both-ways': { type: 'boolean', default: false },
    'in-process': { type: 'boolean', default: false },
    parallel: { type: 'string', default: '3' },
    out: {
      type: 'string',
      default: fileURLToPath(new URL('../../bench/badnet/results', import.meta.url)),
    },
  },
});

const names = choose('only', options.only, Object.keys(contenders), (name) => name);
const [p = 0, r = 1] = options.loss.split(',').map((percent) => Number(percent) / 100);
const loss = { p, r };
const work = {
  exchanges: count('exchanges', options.exchanges),
  atATime: count('at-a-time', options['at-a-time']),
  capMs: count('cap-s', options['cap-s']) * 1000,
};
const firstSeed = count('seed', options.seed);
const tasks: Task[] = Array.from({ length: count('samples', options.samples) }, (_, at) =>
  names.map((contender) => ({
    contender,
    seed: firstSeed + at,
    loss,
    isBothWays: options['both-ways'],
    work,
  })),
).flat();

const lack = options['in-process'] ? 'told so' : lacking();
const run = lack === undefined ? runWired : runInProcess;
const path =
  lack === undefined
    ? "the kernel's TCP over an impaired wire between two network namespaces"
    : `IN-PROCESS FALLBACK, a model of TCP and not the kernel's (${lack})`;

console.log(machineLine(describeMachine()));
console.log(`path: ${path}`);
const ways = options['both-ways'] ? 'both ways' : 'towards the client';
const percent = (100 * meanLoss(loss)).toFixed(0);
console.log(`loss: Gilbert-Elliott p ${100 * p} %, r ${100 * r} % (${percent} %), ${ways}`);
console.log(`${work.exchanges} exchanges of 7 kB, ${work.atATime} at a time\n`);

const samples: Sample[] = [];
const waiting = [...tasks];
const worker = async (): Promise<void> => {
  for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
    const sample = await run(task);
    samples.push(sample);
    const { answered, wallS, executions } = figuresOf(sample);
    const what = `${sample.contender}, seed ${sample.seed}: ${answered} answered in ${wallS} s`;
    console.error(`${what}, ${executions} executions`);
  }
};
await Promise.all(Array.from({ length: count('parallel', options.parallel) }, worker));

const place = ({ contender, seed }: Sample): number =>
  tasks.findIndex((task) => task.contender === contender && task.seed === seed);
samples.sort((one, other) => place(one) - place(other));
const figures = samples.map(figuresOf);
console.log(`${table(figures)}\n`);

if (options.out !== 'none') {
  await mkdir(options.out, { recursive: true });
  const pictures = new URL('../../bench/badnet/pictures/.built/draw.js', import.meta.url);
  const { draw } = (await import(pictures.href)) as Drawing;
  const files = {
    'samples.csv': samplesCsv(figures),
    'exchanges.csv': exchangesCsv(samples),
    ...(await draw(samples, Object.keys(contenders))),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(options.out, name), text);
  console.log(`written to ${options.out}: ${Object.keys(files).join(', ')}`);
}
