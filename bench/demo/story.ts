import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ClientOptions, connect } from 'holdfast';
import { seededRandom } from 'holdfast/testing';
import { Breaker } from './breaker.ts';
import { Director } from './director.ts';
import { Figures } from './figures.ts';
import { bar, Progress } from './progress.ts';
import { type Facts, type Reckoning, reckon } from './reckoning.ts';
import { Recovery } from './recovery.ts';
import { type PlannedFault, planFaults } from './schedule.ts';
import { type DrainedServer, ServerProcess } from './server-process.ts';
import { folders } from './store.ts';
import { Streaming } from './streams.ts';
import { type SourceFile, sha256 } from './tree.ts';
import { fileStore, journalPath } from './verbs.ts';
import { maxPauseMs, Work } from './work.ts';

/** How many files are stored at a time. */
export const lanes = 6;

/** About how long the files take without faults; the path's delay follows from it. */
const workMs = 9_000;

/** Calls for each file, one after the other. */
const callsPerFile = 4;

/** The client's options that are not the defaults: a stall is to be noticed within a second. */
export const clientOptions: ClientOptions = { heartbeatMs: 500, heartbeatTimeoutMs: 500 };

/** What a run leaves behind. */
export interface Ending {
  readonly reckoning: Reckoning;
  readonly faults: readonly PlannedFault[];
  readonly figures: Figures;
  readonly recovery: Recovery;
  readonly ownLocks: number;
  readonly streaming: Streaming;
  readonly progress: Progress;
}

/** How long bytes take each way, so that so many files take about {@link workMs}. */
export function delayFor(fileCount: number): number {
  const callMs = (workMs * lanes) / (Math.max(1, fileCount) * callsPerFile);
  return Math.round(Math.min(60, Math.max(2, (callMs - maxPauseMs / 2) / 2)));
}

/**
 * A whole run in an empty folder, from the first server to the reckoning. Every process and socket
 * that it starts, it ends; the folder is left as it is.
 */
export async function play(
  folder: string,
  files: readonly SourceFile[],
  seed: number,
): Promise<Ending> {
  const firstServer = await ServerProcess.start(folder);
  const breaker = await Breaker.start(firstServer.port, delayFor(files.length));
  const random = seededRandom(seed + 1);
  const client = connect(breaker.url, fileStore, { ...clientOptions, random });
  const recovery = new Recovery();
  const figures = new Figures(client, recovery);
  const faults = planFaults(seed);
  let now = 'none yet';
  let faultsDone = 0;

  let onFileDone = (): void => {};
  const work = new Work(client, `demo ${seed}`, random, {
    answer: () => recovery.onAnswer(),
    fileDone: () => onFileDone(),
  });
  const streaming = new Streaming(client, work.gate);
  const director = new Director(firstServer, folder, breaker, work, recovery);
  const progress = new Progress(process.stdout, (own) => {
    const share = work.filesDone / files.length;
    return [
      `${own.paint('cyan', bar(share))} ${work.filesDone}/${files.length} files`,
      own.paint('yellow', `fault ${faultsDone}/${faults.length}: ${now}`),
      `${figures.reconnects} reconnects`,
      `${figures.replays} replays`,
      `${work.unknown.size} unknown`,
    ].join(own.paint('dim', ' | '));
  });

  const causeFaults = async (): Promise<void> => {
    for (const { atShare, fault } of faults) {
      while (work.filesDone < atShare * files.length) {
        await new Promise<void>((resolve) => {
          onFileDone = resolve;
        });
      }
      now = fault.kind;
      await director.cause(fault);
      faultsDone++;
      now = `${fault.kind} is over`;
    }
  };
  const storeFiles = async (): Promise<void> => {
    await work.begin();
    await work.storeAll(files, lanes);
    recovery.stop();
  };

  try {
    progress.start();
    const streams = streaming.run();
    await Promise.all([storeFiles(), causeFaults()]);
    streaming.stop();
    await streams;
    if (!(await work.isClosedToOthers())) work.failures.push('the lock let somebody else in');
    await client.close();
    director.drained.push(await director.server.drain());
  } finally {
    progress.stop();
    client.destroy();
    await breaker.close();
    await director.server.kill();
  }
  const reckoning = reckon(await gatherFacts(folder, files, work, streaming, director.drained));
  const { ownLocks } = work;
  return { reckoning, faults, figures, recovery, ownLocks, streaming, progress };
}

/** Holds the client's notes beside what lies in the server's folder. */
async function gatherFacts(
  folder: string,
  source: readonly SourceFile[],
  work: Work,
  streaming: Streaming,
  drained: readonly DrainedServer[],
): Promise<Facts> {
  const sourceFiles = [...source, ...work.largeFiles, ...streaming.files];
  const stored = await checksums(join(folder, folders.files), sourceFiles);
  const badDrains = drained.filter(({ exitCode, cut }) => exitCode !== 0 || cut !== 0);
  return {
    files: sourceFiles.map((file) => ({
      path: file.path,
      source: file.sha256,
      readBack: work.readBack.get(file.path) ?? streaming.readBack.get(file.path),
      stored: stored.get(file.path),
    })),
    journal: await readFile(join(folder, folders.files, journalPath), 'utf8'),
    appends: work,
    watched: streaming.watched,
    failures: [
      ...work.failures,
      ...streaming.failures,
      ...badDrains.map(({ exitCode, cut }) => {
        return `a server drained: ${cut} calls cut, exit code ${exitCode}`;
      }),
    ],
  };
}

async function checksums(
  folder: string,
  files: readonly SourceFile[],
): Promise<Map<string, string>> {
  const sums = new Map<string, string>();
  for (const { path } of files) {
    const bytes = await readFile(join(folder, path)).catch(() => undefined);
    if (bytes !== undefined) sums.set(path, sha256(bytes));
  }
  return sums;
}
