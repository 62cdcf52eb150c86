import { readdirSync, readFileSync } from 'node:fs';

/** Whether a process runs, or has ended and nobody has taken note of it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Whether a process runs: one that has ended and of which its new parent takes no note does not. */
export function isRunning(pid: number): boolean {
  if (process.platform !== 'linux') return isAlive(pid);
  try {
    const [, state] = /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
    if (state !== 'Z' && state !== 'X') return true;
    // Its first thread has ended; what it has open is closed with the last one.
    return readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

/** How long a process may take for its end. */
const patienceMs = 30_000;

/** Resolves when a process has ended of which nothing is heard: another one has started it. */
export async function ended(
  pid: number,
  runs: (pid: number) => boolean = isRunning,
): Promise<void> {
  const until = performance.now() + patienceMs;
  while (runs(pid)) {
    if (performance.now() > until) throw new Error(`Process ${pid} does not end`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
