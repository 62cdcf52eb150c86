import type { Socket } from 'node:net';
import type { Channel, ChannelUser, Peer } from '../medium.ts';
import { type Diverted, divertStdout } from './divert.ts';

/**
 * A channel over this process's own stdin and stdout. It is dead when stdin ends, or when stdout
 * breaks. The end of stdout reaches a reader at once where stdout is a socket, as a parent process
 * in Node makes it; where it is a pipe, the end is that of this process.
 */
export class StdioChannel implements Channel {
  readonly peer: Peer = { medium: 'stdio', address: '' };
  readonly #onEnd: () => void;
  readonly #stdout: Diverted = divertStdout();
  #user: ChannelUser | undefined;
  #isWriting = false;
  #isDead = false;
  #isClosing = false;
  #isClosed = false;
  #cause: Error | undefined;

  /** @param onEnd called when the channel is closed, behind everything else */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
    const { stdin, stdout } = process;
    const fail = (error: Error): void => {
      if (!this.#isDead) this.#cause = error;
      this.destroy();
    };
    // Behind an orderly close of our own, what is on its way still has a reader.
    const end = (): void => {
      if (!this.#isClosing) this.destroy();
    };
    stdin.on('end', end);
    stdin.on('close', end);
    stdin.on('error', fail);
    // For good: what this process prints later must not end it because nobody reads it.
    stdout.on('error', fail);
    this.unref();
  }

  get dead(): boolean {
    return this.#isDead || this.#isClosing || !process.stdout.writable;
  }

  start(user: ChannelUser): void {
    this.#user = user;
    if (this.#isClosed) {
      process.nextTick(() => this.#tell());
      return;
    }
    process.stdin.on('data', (chunk: Buffer) => {
      if (!this.#isDead) user.onBytes(chunk);
    });
  }

  write(parts: readonly Uint8Array[], taken: (possibly: boolean) => void): void {
    if (this.dead) {
      process.nextTick(taken, false);
      return;
    }
    const bytes = parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
    this.#isWriting = true;
    this.#stdout.write(bytes, (error) => {
      this.#isWriting = false;
      if (!this.#isClosed) taken(!error);
      if (this.#isClosing) this.#endOutput();
    });
  }

  pause(): void {
    process.stdin.pause();
  }

  resume(): void {
    process.stdin.resume();
  }

  ref(): void {
    (process.stdin as Partial<Socket>).ref?.();
  }

  unref(): void {
    (process.stdin as Partial<Socket>).unref?.();
  }

  close(): void {
    if (this.#isClosing || this.#isDead) return;
    this.#isClosing = true;
    if (!this.#isWriting) this.#endOutput();
  }

  destroy(): void {
    if (this.#isDead) return;
    this.#isDead = true;
    // What is still on its way has a reader that does not read, or none: its end cannot be awaited.
    if (!this.#isWriting && !this.#isClosing) process.stdout.end();
    // Not in the turn of its user, and behind what is said of its last write.
    setImmediate(() => this.#finish());
  }

  /** Everything is out: only now may the process be ended without a loss. */
  #endOutput(): void {
    process.stdout.end(() => this.destroy());
  }

  #finish(): void {
    this.#isClosed = true;
    this.#stdout.restore();
    // Node keeps the descriptors themselves open: another file must not get their numbers.
    process.stdin.destroy();
    this.#tell();
    this.#onEnd();
  }

  #tell(): void {
    const user = this.#user;
    this.#user = undefined;
    user?.onClosed(this.#cause);
  }
}
