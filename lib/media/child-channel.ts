import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable, Stream, Writable } from 'node:stream';
import { Alarm, wheelOf } from '../retry/timer-wheel.ts';
import { systemClock } from '../util/clock.ts';
import { LastLines } from './last-lines.ts';
import type { Channel, ChannelUser, Peer } from './medium.ts';

/** Between the end of its output and its exit, whichever is first, a program has so much silence. */
const exitWaitMs = 250;

/** After an orderly close a program that makes no progress has so long to end by itself. */
const closeWaitMs = 5_000;

/** Between the signal that asks a program to end and the one that it cannot ignore. */
const killWaitMs = 1_000;

/** A program with pipes for its stdin, stdout and stderr. */
export type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** What is run: no shell has a part in it. */
export interface ChildCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/** How a program ended, for those who have to say why. */
export interface ChildEnd {
  readonly code: number | undefined;
  /** E.g. `SIGKILL`. */
  readonly signal: string | undefined;
  /** Whether any byte had come from it. */
  readonly hasServed: boolean;
  readonly stderr: LastLines;
}

/** Programs that run. None of them outlives this process, unless that is killed itself. */
const running = new Set<Child>();

/** A child that hears the end of its stdin only may not listen to it. */
function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Starts a program. Rejects with Node's own error, e.g. `ENOENT`. */
export function startChild(
  { program, args, cwd, env }: ChildCommand,
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
      running.add(child);
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

/**
 * A channel over a program's stdin and stdout; it owns the program. stdin is written to only, so
 * nothing is heard on it: the end of stdout or the exit is what shows that the program is dead.
 */
export class ChildChannel implements Channel {
  readonly peer: Peer;
  readonly #child: Child;
  readonly #explain: (end: ChildEnd) => Error | undefined;
  readonly #stderr = new LastLines();
  /** What should have come by now: the end, the exit. */
  readonly #alarm = new Alarm(wheelOf(systemClock), () => this.#onAlarm());
  readonly #killAlarm = new Alarm(wheelOf(systemClock), () => this.#child.kill('SIGKILL'));
  #user: ChannelUser | undefined;
  #exit: Pick<ChildEnd, 'code' | 'signal'> | undefined;
  #readBytes = 0;
  #isDead = false;
  #isClosing = false;
  #isDestroyed = false;
  #isClosed = false;
  #cause: Error | undefined;
  /** Grows as bytes come and as they leave; when it stands still, nothing more is to come. */
  #progress = 0;
  #waitMs = 0;

  /**
   * @param explain says why the channel closed, when that was not this side's doing; undefined for
   *   an orderly end
   */
  constructor(child: Child, peer: Peer, explain: (end: ChildEnd) => Error | undefined) {
    this.peer = peer;
    this.#child = child;
    this.#explain = explain;
    const { stdin, stdout, stderr } = child;
    stdin.on('close', () => this.#onSign());
    stdout.on('end', () => this.#onSign());
    stdout.on('close', () => this.#onSign());
    stderr.on('data', (chunk: Buffer) => this.#stderr.add(chunk));
    child.on('exit', (code, signal) => {
      this.#exit = { code: code ?? undefined, signal: signal ?? undefined };
      this.#killAlarm.clear();
      this.#onSign();
    });
    child.unref();
    for (const pipe of this.#pipes) pipe.unref();
  }

  get dead(): boolean {
    const { stdin, stdout } = this.#child;
    return (
      this.#isDead ||
      this.#exit !== undefined ||
      !stdin.writable ||
      stdin.errored !== null ||
      stdout.readableEnded ||
      stdout.destroyed
    );
  }

  start(user: ChannelUser): void {
    this.#user = user;
    if (this.#isClosed) {
      process.nextTick(() => this.#tell());
      return;
    }
    this.#child.stdout.on('data', (chunk: Buffer) => {
      if (this.#isDestroyed) return;
      this.#readBytes += chunk.length;
      user.onBytes(chunk);
    });
  }

  write(parts: readonly Uint8Array[], taken: (possibly: boolean) => void): void {
    const report = (error?: Error | null): void => {
      // Without an error it proves nothing, by contract: Node 20 says so of writes that it cancels.
      if (!this.#isClosed) taken(!error);
    };
    if (this.dead) {
      // stdin may still be open although nobody will read from it.
      process.nextTick(report, new Error('Not written'));
      return;
    }
    this.#child.stdin.write(parts.length === 1 ? parts[0] : Buffer.concat(parts), report);
  }

  pause(): void {
    this.#child.stdout.pause();
  }

  resume(): void {
    this.#child.stdout.resume();
  }

  ref(): void {
    this.#stdout.ref();
  }

  unref(): void {
    this.#stdout.unref();
  }

  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#child.stdin.end();
    if (!this.#isClosed) this.#expectEnd(closeWaitMs);
  }

  destroy(): void {
    this.#isClosing = true;
    this.#isDestroyed = true;
    this.#isDead = true;
    for (const pipe of this.#pipes) pipe.destroy();
    this.#stop();
    // Not in the turn of its user, and behind what is said of its last write.
    setImmediate(() => this.#finish());
  }

  get #stdout(): Socket {
    return this.#child.stdout as Stream as Socket;
  }

  get #pipes(): Socket[] {
    const { stdin, stdout, stderr } = this.#child;
    return [stdin, stdout, stderr] as Stream[] as Socket[];
  }

  /** One of the signs of the end; what else there is to know comes soon, or never. */
  #onSign(): void {
    if (this.#isClosed) return;
    const { stdout } = this.#child;
    const hasEnded = stdout.readableEnded || stdout.destroyed;
    if (this.#exit !== undefined && hasEnded) {
      this.#finish();
      return;
    }
    // Our own end of stdin is no sign.
    if (this.#isClosing && this.#exit === undefined && !hasEnded) return;
    this.#isDead = true;
    this.#expectEnd(exitWaitMs);
  }

  #expectEnd(waitMs: number): void {
    this.#waitMs = waitMs;
    this.#progress = this.#currentProgress();
    this.#alarm.set(systemClock.now() + waitMs);
  }

  #onAlarm(): void {
    // Who reads nothing now will read the rest before the end.
    const isWaiting = this.#user === undefined || this.#child.stdout.isPaused();
    if (isWaiting || this.#currentProgress() !== this.#progress) {
      this.#expectEnd(this.#waitMs);
    } else if (this.#isClosing) {
      this.destroy();
    } else {
      this.#finish();
    }
  }

  #currentProgress(): number {
    return this.#readBytes - this.#child.stdin.writableLength;
  }

  /** Its stdin has ended, or does now; then it is asked, then it is made to. */
  #stop(): void {
    if (this.#exit !== undefined || this.#killAlarm.isSet) return;
    this.#child.kill('SIGTERM');
    this.#killAlarm.set(systemClock.now() + killWaitMs);
  }

  #finish(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isDead = true;
    this.#alarm.clear();
    if (!this.#isClosing) {
      const { code, signal } = this.#exit ?? {};
      const end = { code, signal, hasServed: this.#readBytes > 0, stderr: this.#stderr };
      this.#cause = this.#explain(end);
    }
    for (const pipe of this.#pipes) pipe.destroy();
    this.#stop();
    this.#tell();
  }

  #tell(): void {
    const user = this.#user;
    this.#user = undefined;
    user?.onClosed(this.#cause);
  }
}
