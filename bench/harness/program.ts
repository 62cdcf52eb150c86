import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

/**
 * Without the first two V8 throws compiled code away and collects garbage while a contender is idle,
 * and libraries with deep stacks are then several times slower for seconds.
 *
 * Without the last it is chance what long messages cost. V8 counts the memory of buffers that the next
 * scavenge will free against the bounds of the old generation, which are narrow after a collection of a
 * small heap: a process that happens to collect once goes on to mark all that it has every 30 ms, and
 * carries a fifth of what it did, as the floor and holdfast were seen to.
 */
const nodeFlags = [
  '--no-flush-bytecode',
  '--no-memory-reducer',
  '--expose-gc',
  '--heap-growing-percent=1000',
];

/** Which side of a contender a process belongs to. */
export type Side = 'client' | 'server';

/** The cores that clients and servers are bound to; undefined where that cannot be done. */
export const cores: { readonly client: number; readonly server: number } | undefined = findCores();

function findCores(): { client: number; server: number } | undefined {
  if (availableParallelism() < 2) return undefined;
  const canBind = [0, 1].every(
    (core) => spawnSync('taskset', ['-c', `${core}`, 'true']).status === 0,
  );
  return canBind ? { client: 0, server: 1 } : undefined;
}

/** The command, bound to the core of one side where that can be done. */
export function boundTo(side: Side, command: readonly string[]): string[] {
  return cores === undefined ? [...command] : ['taskset', '-c', `${cores[side]}`, ...command];
}

/** How a script is run in a process of its own: on a server's core, unless told otherwise. */
export function programCommand(
  script: URL,
  side: Side = 'server',
  args: readonly string[] = [],
): string[] {
  return boundTo(side, [process.execPath, ...nodeFlags, fileURLToPath(script), ...args]);
}

/** The same for a shell. */
export function shellCommand(script: URL): string {
  return programCommand(script)
    .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
    .join(' ');
}
