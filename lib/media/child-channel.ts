import type { Socket } from 'node:net';
import type { Readable, Stream } from 'node:stream';
import { HoldfastError } from '../errors.ts';
import { Alarm, wheelOf } from '../retry/timer-wheel.ts';
import { systemClock } from '../util/clock.ts';
import { type Child, ChildStop } from './child.ts';
import { LastLines } from './last-lines.ts';
import type { Channel, ChannelUser, Peer } from './medium.ts';

/** Between the end of its output and its exit, whichever is first, a program has so much silence. */
const exitWaitMs = 250;

/** When it has exited, what is left of its stderr comes within this time, or never. */
const stderrWaitMs = 50;

/** How a program is treated; all durations in milliseconds. */
export interface ChildManners {
  /** After an orderly close a program that makes no progress has so long to end by itself. */
  readonly closeWaitMs: number;
  /** So long after its stdin was cut off a program is asked to end, by SIGTERM. */
  readonly termAfterMs: number;
  /** Between the signal that asks it to end and the one that it cannot ignore. */
  readonly killAfterMs: number;
  /** Called with what it says on its stderr. */
  readonly onStderr?: ((chunk: Buffer) => void) | undefined;
}

const defaultManners: ChildManners = { closeWaitMs: 5_000, termAfterMs: 0, killAfterMs: 1_000 };

/** How a program ended, for those who have to say why. */
export interface ChildEnd {
  readonly code: number | undefined;
  /** E.g. `SIGKILL`. */
  readonly signal: string | undefined;
  /** Whether any byte had come from it. */
  readonly hasServed: boolean;
  readonly stderr: LastLines;
}

/**
 * A channel over a program's stdin and stdout; it owns the program. stdin is written to only, so
 * nothing is heard on it: the end of stdout or the exit is what shows that the program is dead.
 */
export class ChildChannel implements Channel {
  readonly peer: Peer;
  readonly #child: Child;
  readonly #explain: (end: ChildEnd) => Error | undefined;
  readonly #manners: ChildManners;
  readonly #stderr: LastLines;
  /** What should have come by now: the end, the exit. */
  readonly #alarm = new Alarm(wheelOf(systemClock), () => this.#onAlarm());
  readonly #stop: ChildStop;
  #user: ChannelUser | undefined;
  #exit: Pick<ChildEnd, 'code' | 'signal'> | undefined;
  #readBytes = 0;
  #isHeld = false;
  #isTelling = false;
  #isDead = false;
  #isClosing = false;
  #isDestroyed = false;
  /** Its user has destroyed the channel because of what the program said. */
  #isRejected = false;
  #isClosed = false;
  #cause: Error | undefined;
  /** Grows as bytes come and as they leave; when it stands still, nothing more is to come. */
  #progress = 0;
  #waitMs = 0;

  /**
   * @param explain says why the channel closed, when that was not this side's doing; undefined for
   *   an orderly end
   */
  constructor(
    child: Child,
    peer: Peer,
    explain: (end: ChildEnd) => Error | undefined,
    manners: ChildManners = defaultManners,
    stderr: LastLines = new LastLines(),
  ) {
    this.peer = peer;
    this.#child = child;
    this.#explain = explain;
    this.#manners = manners;
    this.#stop = new ChildStop(child, manners.killAfterMs);
    this.#stderr = stderr;
    child.stdin.on('close', () => this.#onSign());
    for (const output of [child.stdout, child.stderr]) {
      output.on('end', () => this.#onSign());
      output.on('close', () => this.#onSign());
    }
    child.stderr.on('data', (chunk: Buffer) => {
      stderr.add(chunk);
      manners.onStderr?.(chunk);
    });
    child.on('exit', (code, signal) => {
      this.#exit = { code: code ?? undefined, signal: signal ?? undefined };
      if (this.#isClosed) child.stderr.destroy();
      else this.#onSign();
    });
    (child.stdin as Stream as Socket).unref();
    this.unref();
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
      this.#isTelling = true;
      try {
        user.onBytes(chunk);
      } finally {
        this.#isTelling = false;
      }
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
    this.#isHeld = true;
    this.#hold();
  }

  unref(): void {
    this.#isHeld = false;
    this.#hold();
  }

  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#child.stdin.end();
    if (!this.#isClosed) this.#expectEnd(this.#manners.closeWaitMs);
  }

  destroy(): void {
    this.#isRejected ||= this.#isTelling;
    this.#abandon(this.#manners.termAfterMs);
  }

  /** Cuts the program off; it ends by itself, or is made to. */
  #abandon(termAfterMs: number): void {
    this.#isClosing = true;
    this.#isDestroyed = true;
    this.#isDead = true;
    this.#child.stdin.destroy();
    this.#child.stdout.destroy();
    this.#stop.within(termAfterMs);
    // What it says on its stderr may be why its stdout was of no use.
    if (this.#isRejected) this.#expectEnd(exitWaitMs);
    // Not in the turn of its user, and behind what is said of its last write.
    else setImmediate(() => this.#finish());
  }

  get #hasEnded(): boolean {
    return hasEnded(this.#child.stdout);
  }

  /** At most one thing keeps the process alive: that of which news comes next. */
  #hold(): void {
    const child = this.#child;
    const [stdout, stderr] = [child.stdout, child.stderr] as Stream[] as [Socket, Socket];
    const next = this.#exit === undefined ? child : stderr;
    const awaited = this.#hasEnded ? next : stdout;
    for (const one of [stdout, stderr, child]) {
      if (this.#isHeld && one === awaited) one.ref();
      else one.unref();
    }
  }

  /** One of the signs of the end; what else there is to know comes soon, or never. */
  #onSign(): void {
    if (this.#isClosed) return;
    this.#hold();
    if (this.#exit !== undefined && this.#hasEnded) {
      if (hasEnded(this.#child.stderr)) this.#finish();
      else this.#expectEnd(stderrWaitMs);
      return;
    }
    // Neither our own end of stdin nor the end of stderr is a sign.
    if (this.#exit === undefined && !this.#hasEnded) {
      if (this.#isClosing || !this.#child.stdin.destroyed) return;
    }
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
    const isWaiting =
      !this.#hasEnded && (this.#user === undefined || this.#child.stdout.isPaused());
    if (isWaiting || this.#currentProgress() !== this.#progress) this.#expectEnd(this.#waitMs);
    else if (this.#isClosing && !this.#hasEnded) this.#abandon(0);
    else this.#finish();
  }

  #currentProgress(): number {
    return this.#readBytes - this.#child.stdin.writableLength;
  }

  #finish(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isDead = true;
    this.unref();
    this.#alarm.clear();
    this.#cause = this.#whyClosed();
    this.#child.stdin.destroy();
    this.#child.stdout.destroy();
    // A program that still runs may have something to say, and must not die of a broken pipe.
    if (this.#exit !== undefined) this.#child.stderr.destroy();
    this.#stop.within(this.#manners.termAfterMs);
    this.#tell();
  }

  #whyClosed(): Error | undefined {
    if (this.#isRejected)
      return this.#stderr.suffix === '' ? undefined : saidOnStderr(this.#stderr);
    if (this.#isClosing) return undefined;
    const { code, signal } = this.#exit ?? {};
    return this.#explain({ code, signal, hasServed: this.#readBytes > 0, stderr: this.#stderr });
  }

  #tell(): void {
    const user = this.#user;
    this.#user = undefined;
    user?.onClosed(this.#cause);
  }
}

function hasEnded(output: Readable): boolean {
  return output.readableEnded || output.destroyed;
}

function saidOnStderr({ suffix }: LastLines): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_LOST', `the program said on its stderr${suffix}`);
}
