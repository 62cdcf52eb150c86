import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { Alarm, wheelOf } from '../retry/timer-wheel.ts';
import { systemClock } from '../util/clock.ts';

/** A program with pipes for its stdin, stdout and stderr. */
export type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** What is run: no shell has a part in it. */
export interface ChildCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** What it is sent when this process exits before it. Default `SIGKILL`. */
  readonly lastSignal?: NodeJS.Signals;
}

/** Programs that run. None of them outlives this process, unless that is killed itself. */
const running = new Map<Child, NodeJS.Signals>();

/** Those of them that must end, as they know; an exit of this process leaves none of them behind. */
const mustEnd = new Set<ChildProcess>();

/** So long such a program may take at an exit of this process, which cannot but block for it. */
const lastGraceMs = 200;

/** A child that hears the end of its stdin only may not listen to it. */
function killAll(): void {
  for (const [child, signal] of running) {
    child.kill(signal);
    if (signal === 'SIGKILL') mustEnd.delete(child);
  }
  if (mustEnd.size === 0) return;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lastGraceMs);
  // Whoever has ended is still known by its number: nobody has taken note of it meanwhile.
  for (const child of mustEnd) child.kill('SIGKILL');
}

/** Starts a program. Rejects with Node's own error, e.g. `ENOENT`. */
export function startChild(
  { program, args, cwd, env, lastSignal = 'SIGKILL' }: ChildCommand,
  signal: AbortSignal,
): Promise<Child> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child: Child = spawn(program, [...args], {
      cwd,
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
    });
    const settle = (): void => {
      signal.removeEventListener('abort', aborted);
      child.removeListener('error', failed);
      child.removeListener('spawn', spawned);
      // For good: a failed signal to a program, or a broken pipe, must not end this process.
      for (const part of [child, child.stdin, child.stdout, child.stderr]) {
        part.on('error', () => {});
      }
    };
    const aborted = (): void => {
      settle();
      child.kill('SIGKILL');
      reject(signal.reason);
    };
    const failed = (error: Error): void => {
      settle();
      reject(error);
    };
    const spawned = (): void => {
      settle();
      if (running.size === 0) process.on('exit', killAll);
      running.set(child, lastSignal);
      child.on('exit', () => {
        running.delete(child);
        if (running.size === 0) process.removeListener('exit', killAll);
      });
      resolve(child);
    };
    signal.addEventListener('abort', aborted);
    child.on('error', failed);
    child.on('spawn', spawned);
  });
}

/** The end of a program that does not end by itself: it is asked, then it is made to. */
export class ChildStop {
  readonly #child: ChildProcess;
  readonly #killAfterMs: number;
  readonly #alarm = new Alarm(wheelOf(systemClock), () => this.#signal());
  #isPlanned = false;
  #isAsked = false;

  /** @param killAfterMs between the signal that asks it to end and the one that it cannot ignore */
  constructor(child: ChildProcess, killAfterMs: number) {
    this.#child = child;
    this.#killAfterMs = killAfterMs;
    child.on('exit', () => {
      mustEnd.delete(child);
      this.#alarm.clear();
    });
  }

  /** Asks the program to end after so long; a later call can only hasten it. */
  within(termAfterMs: number): void {
    const { exitCode, signalCode } = this.#child;
    if (this.#isAsked || exitCode !== null || signalCode !== null) return;
    mustEnd.add(this.#child);
    if (termAfterMs === 0) this.#signal();
    else if (!this.#isPlanned) this.#alarm.set(systemClock.now() + termAfterMs);
    this.#isPlanned = true;
  }

  #signal(): void {
    if (this.#isAsked) {
      this.#child.kill('SIGKILL');
      return;
    }
    this.#isAsked = true;
    this.#child.kill('SIGTERM');
    this.#alarm.set(systemClock.now() + this.#killAfterMs);
  }
}
