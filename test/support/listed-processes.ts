import { execFileSync } from 'node:child_process';

/** A process of this machine. */
export interface Listed {
  readonly pid: number;
  readonly parent: number;
  /** Its command line. */
  readonly command: string;
}

/** Every process of this machine. */
export function listProcesses(): Listed[] {
  const listed = execFileSync('ps', ['-e', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' });
  return listed.split('\n').flatMap((line) => {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    if (command === undefined) return [];
    return [{ pid: Number(pid), parent: Number(parent), command }];
  });
}

/** Sends a signal to a process that may have ended by itself since it was listed. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Resolves when no process has this text, usually the path of a test's own folder, in its command
 * line. What does not end in time is killed, and is an error.
 */
export async function allEnded(text: string, withinMs: number): Promise<void> {
  const until = performance.now() + withinMs;
  for (;;) {
    const left = listProcesses().filter(({ command }) => command.includes(text));
    if (left.length === 0) return;
    if (performance.now() > until) {
      for (const { pid } of left) signal(pid, 'SIGKILL');
      throw new Error(`Left behind: ${left.map(({ command }) => command).join('; ')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
