import { readFile, writeFile } from 'node:fs/promises';
import { describeMachine, type Machine } from '../harness/report.ts';

/** Speeds as shares of the floor's, by workload: one for each run. */
export type Shares = Readonly<Record<string, readonly number[]>>;

/** What later runs are compared with. */
export interface Recorded {
  /** Ratios carry over from machine to machine far better than seconds do, but not perfectly. */
  readonly machine: Machine;
  readonly rounds: number;
  readonly sliceMs: number;
  readonly shares: Shares;
}

export async function writeRecorded(file: URL, measured: Omit<Recorded, 'machine'>): Promise<void> {
  const recorded: Recorded = { machine: describeMachine(), ...measured };
  await writeFile(file, `${JSON.stringify(recorded, undefined, 2)}\n`);
}

/** Rejects when nothing is recorded, and says what to do then. */
export async function readRecorded(file: URL): Promise<Recorded> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const advice = 'run `npm run bench:check -- --record` on a quiet machine, and keep the file';
    throw new Error(`Nothing is recorded in ${file.pathname}: ${advice}`, { cause: error });
  }
  return JSON.parse(text) as Recorded;
}

/** Whether ratios of one machine may be expected of the other: the same processor, and Node's line. */
export function areAlike(one: Machine, other: Machine): boolean {
  const line = ({ node }: Machine): string | undefined => node.split('.')[0];
  const { cpu, cores, bound } = other;
  return one.cpu === cpu && one.cores === cores && one.bound === bound && line(one) === line(other);
}
