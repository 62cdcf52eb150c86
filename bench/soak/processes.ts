import { readdirSync, readFileSync } from 'node:fs';

/** A process as the system lists it. */
export interface Listed {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** All processes that have not ended. */
export function listProcesses(): Listed[] {
  const listed: Listed[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
      // The name, in parentheses, may contain anything.
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (state === 'Z' || state === 'X') continue;
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      listed.push({ pid: Number(entry), parent: Number(parent), command });
    } catch {
      // It has ended meanwhile.
    }
  }
  return listed;
}

/** Those that a process has started, directly or not. */
export function descendants(of: number, listed: readonly Listed[] = listProcesses()): Listed[] {
  const children = listed.filter(({ parent }) => parent === of);
  return children.flatMap((child) => [child, ...descendants(child.pid, listed)]);
}

/** False when a process has ended. */
export function isThere(pid: number): boolean {
  return listProcesses().some((one) => one.pid === pid);
}

/** CPU time of this process and of all that it has waited for, and that those have. */
export function cpuMsWithChildren(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // utime, stime, cutime and cstime, in hundredths of a second.
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * 10, 0);
}
