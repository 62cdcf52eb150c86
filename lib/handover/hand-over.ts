import { HoldfastError } from '../errors.ts';
import type { DrainReport, Server } from '../server/server.ts';
import { anything, type Checks, milliseconds, ofType, resolveOptions } from '../util/check.ts';
import { handOverParts } from './parts.ts';

/** How a hand-over goes. Durations are milliseconds. */
export interface HandOverOptions {
  /** The successor must listen within this time, or it is ended. Default 60 s. */
  readonly readyTimeoutMs?: number;
  /** As in `drain`: what is not done by then is cut off. Default 10 s. */
  readonly timeoutMs?: number;
  /** As in `drain`: for so long clients may go on here. Default 1 s, or half of `timeoutMs`. */
  readonly noticeMs?: number;
  /** Working directory of the successor. Default: this process's. */
  readonly cwd?: string;
  /** Environment of the successor. Default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
}

/** How a hand-over ended: the successor serves, and this server is closed. */
export interface HandOverReport extends DrainReport {
  /** The successor's process. */
  readonly pid: number;
}

const checks: Checks<HandOverOptions> = {
  readyTimeoutMs: milliseconds(1),
  timeoutMs: milliseconds(1),
  noticeMs: milliseconds(),
  cwd: ofType('string'),
  env: anything,
};

const underWay = new WeakSet<Server>();

/**
 * Restarts a server without anybody noticing: starts its successor with the listening sockets, and
 * when that serves, drains this one and gives the other its sessions, its recorded answers, and the
 * fates of the calls that run. The successor listens at {@link inherit}.
 *
 * Resolves when this server has ended; the process is left to the application. Rejects with
 * `ERR_HOLDFAST_HAND_OVER` when the successor did not listen in time, or ended: then it is ended, and
 * this server goes on as if nothing had been.
 *
 * @param command program and arguments, e.g. `[process.execPath, ...process.argv.slice(1)]`; no shell
 */
export async function handOver(
  server: Server,
  command: readonly string[],
  options: HandOverOptions = {},
): Promise<HandOverReport> {
  const resolved = resolveOptions('hand-over option', options, {}, checks);
  const { readyTimeoutMs = 60_000, timeoutMs = 10_000 } = resolved;
  const { noticeMs = Math.min(1_000, timeoutMs / 2), cwd, env } = resolved;
  const { core } = server;
  if (underWay.has(server)) throw refused('one is under way');
  if (core.isEnding) throw refused('the server ends already');
  underWay.add(server);
  try {
    const { passOn, spawnSuccessor } = await handOverParts();
    // One at a time: this server may still be taking over from the one before it.
    await core.heir?.over;
    const { listenings } = core;
    const successor = await spawnSuccessor({ command, listenings, cwd, env });
    const cut = await passOn(core, successor, { readyTimeoutMs, timeoutMs, noticeMs });
    return { pid: successor.process.pid as number, cut };
  } finally {
    underWay.delete(server);
  }
}

function refused(why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_HAND_OVER', `Hand-over refused: ${why}`);
}
