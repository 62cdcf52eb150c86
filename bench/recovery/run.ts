/**
 * Measures recovery: the time from a connection that is cut in the middle of a call to the reply of
 * that call, against the same by hand on the raw channel (connect again, send again). Client and
 * server are two processes, all is interleaved. The server cuts as it has the call, before it answers:
 * a `read` is sent again, a `mutate` has run and its recorded reply is asked for.
 *
 * On this machine's own paths a round trip is shorter than what any connect costs in processor
 * time, so the paths are also measured with a delay: there, what counts are round trips.
 *
 * Usage, after `npm run build && tsc -p bench`:
 *
 *     node .bench/recovery/run.js [options]
 *
 *     --rounds N          rounds that count on each path (default 400)
 *     --warm-up N         rounds before them, which make the code fast (default 1000)
 *     --delayed-rounds N  rounds with the delay (default 30)
 *     --delay-ms N        half the round trip of those paths (default 10)
 *     --media A,B         only these of tcp, unix, tls
 *     --json FILE         also write the figures to FILE
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BenchProcess } from '../harness/bench-process.ts';
import { choose, count } from '../harness/options.ts';
import { describeMachine, machineLine } from '../harness/report.ts';
import { makeCertificate } from '../media/certificate.ts';
import { type PathFigures, pathFigures, recoveryTables } from './report.ts';
import type { Addresses, ClientOrder, RecoveryPlace, Samples, ServerOrder } from './samples.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '400' },
    'warm-up': { type: 'string', default: '1000' },
    'delayed-rounds': { type: 'string', default: '30' },
    'delay-ms': { type: 'string', default: '10' },
    media: { type: 'string' },
    json: { type: 'string' },
  },
});
const rounds = count('rounds', options.rounds);
const warmUp = count('warm-up', options['warm-up']);
const delayedRounds = count('delayed-rounds', options['delayed-rounds']);
const delayMs = count('delay-ms', options['delay-ms']);
const machine = describeMachine();

const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
const processes: BenchProcess<ServerOrder | ClientOrder>[] = [];
try {
  const allPlaces: readonly RecoveryPlace[] = [
    { medium: 'tcp' },
    { medium: 'unix', folder },
    { medium: 'tls', ...makeCertificate() },
  ];
  const places = choose('media', options.media, allPlaces, ({ medium }) => medium);
  console.log(machineLine(machine));
  console.log(`${rounds} rounds after ${warmUp} to warm up, ${delayedRounds} with a delay\n`);

  const server = await start<ServerOrder>('server');
  const client = await start<ClientOrder>('client');
  const figures: PathFigures[] = [];
  for (const pathDelayMs of [0, delayMs]) {
    for (const place of places) {
      const suffix = pathDelayMs === 0 ? '' : `, ${2 * pathDelayMs} ms away`;
      const path = `${place.medium}${suffix}`;
      const served = await server.ask({ do: 'serve', place, delayMs: pathDelayMs });
      await client.ask({ do: 'open', path, place, addresses: served as Addresses });
      const counted = pathDelayMs === 0 ? rounds : delayedRounds;
      if (pathDelayMs === 0) await client.ask({ do: 'recover', path, rounds: warmUp });
      const samples = await client.ask({ do: 'recover', path, rounds: counted });
      figures.push(pathFigures(path, samples as Samples));
    }
  }
  console.log(recoveryTables(figures));
  if (options.json !== undefined) {
    const report = { machine, rounds, warmUp, delayedRounds, delayMs, paths: figures };
    await writeFile(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
  }
} finally {
  for (const running of processes.toReversed()) await running.stop();
  await rm(folder, { recursive: true, force: true });
}

async function start<Order extends ServerOrder | ClientOrder>(
  side: 'server' | 'client',
): Promise<BenchProcess<Order>> {
  const script = new URL(`./${side}-process.js`, import.meta.url);
  const started = await BenchProcess.start<Order>(side, script);
  processes.push(started);
  return started;
}
