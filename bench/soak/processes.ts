import { readdirSync, readFileSync } from 'node:fs';

/** A process as the system lists it. */
export interface Listed {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** All processes that have not ended. */
export function listProcesses(): Listed[] {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return pids.map(look).filter((one) => one !== undefined);
}

function look(pid: number): Listed | undefined {
  try {
    const [state, parent] = statOf(pid);
    if (state === 'Z' || state === 'X') return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return { pid, parent: Number(parent), command };
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}

/** The fields of the system's line about a process, from its state on. */
function statOf(pid: number | 'self'): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name, in parentheses, may contain anything.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Those that a process has started, directly or not. */
export function descendants(of: number, listed: readonly Listed[] = listProcesses()): Listed[] {
  const children = listed.filter(({ parent }) => parent === of);
  return children.flatMap((child) => [child, ...descendants(child.pid, listed)]);
}

/** False when a process has ended. */
export function isThere(pid: number): boolean {
  return look(pid) !== undefined;
}

/** CPU time of this process and of all that it has waited for, and that those have. */
export function cpuMsWithChildren(): number {
  // utime, stime, cutime and cstime, in hundredths of a second.
  return statOf('self')
    .slice(11, 15)
    .reduce((sum, ticks) => sum + Number(ticks) * 10, 0);
}
