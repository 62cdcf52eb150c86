import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { connect, type Listening, type Medium } from '../../lib/index.ts';
import type { HeirReport, HeirTask } from './heir-main.ts';
import { Lines } from './lines.ts';
import { verbs } from './verbs.ts';

/** The program as it is: slower to start, but seen by the measuring of coverage. */
export const asItIs: readonly string[] = [
  '--import=tsx',
  fileURLToPath(new URL('./heir-main.ts', import.meta.url)),
];

/** A program that was started as systemd does it. */
export interface Activated {
  readonly report: HeirReport;
  /** Asks it to drain, and resolves with its exit code. */
  end(): Promise<number | null>;
}

/** What systemd tells beside the number of descriptors, which are given as they are. */
export interface Activation {
  readonly fds: readonly number[];
  readonly names?: string;
  /** Default: right. */
  readonly count?: number;
}

/**
 * Starts a program with sockets as systemd does it: `LISTEN_PID` is its own process id, known only
 * to a process that turns into the program. `spawned` runs in the turn in which it is started.
 */
export async function activate(
  program: readonly string[],
  task: HeirTask,
  { fds, names, count = fds.length }: Activation,
  spawned: () => unknown = () => {},
): Promise<Activated> {
  const script = 'LISTEN_PID=$$ exec "$0" "$@"';
  const args = ['-c', script, process.execPath, ...program, JSON.stringify(task)];
  const child = spawn('/bin/sh', args, {
    env: { ...process.env, LISTEN_FDS: String(count), LISTEN_FDNAMES: names },
    stdio: ['ignore', 'pipe', 'inherit', ...fds],
  });
  await spawned();
  const report = JSON.parse(await Lines.ofStream(child.stdout as Readable).next()) as HeirReport;
  return { report, end: () => ended(child) };
}

async function ended(child: ChildProcess): Promise<number | null> {
  const { exitCode, signalCode } = child;
  if (exitCode !== null || signalCode !== null) return exitCode;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  return ((await exit) as [number | null])[0];
}

/** The descriptor of something that listens. */
export function fdOf(listening: Listening): number {
  const { socket } = listening;
  if (socket === undefined) throw new Error(`${listening.url} has no socket`);
  return socket.fd;
}

/** Who answers there: the process id of an heir. */
export async function whoAnswers(target: string | Medium): Promise<number> {
  const client = connect(target, verbs);
  try {
    return Number(await client.call.mutate('x', { timeoutMs: 5_000 }));
  } finally {
    await client.close();
  }
}
