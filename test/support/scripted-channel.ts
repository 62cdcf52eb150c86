import type { Channel, ChannelUser, Peer } from '../../lib/media/medium.ts';

/**
 * A channel that does nothing by itself: the test says when and how each write ends. It holds its
 * user to the contract: one write at a time, unless it says that they are through.
 */
export class ScriptedChannel implements Channel {
  readonly peer: Peer = { medium: 'scripted', address: '' };
  dead = false;
  /** The bytes of each write, in order. */
  readonly writes: Buffer[] = [];
  /** How many parts each write had. */
  readonly parts: number[] = [];
  /** What was written has left, although the test has not said so. */
  isThrough: boolean;
  readonly #taken: ((possibly: boolean) => void)[] = [];

  constructor(isThrough = false) {
    this.isThrough = isThrough;
  }

  /** Everything that was written. */
  get bytes(): Buffer {
    return Buffer.concat(this.writes);
  }

  /** True while a write waits for its end. */
  get isWriting(): boolean {
    return this.#taken.length > 0;
  }

  write(parts: readonly Uint8Array[], taken: (possibly: boolean) => void): void {
    if (this.isWriting && !this.isThrough)
      throw new Error('A write began while another was outstanding');
    if (this.dead) throw new Error('A write began on a channel that is known to be dead');
    this.writes.push(Buffer.concat(parts));
    this.parts.push(parts.length);
    this.#taken.push(taken);
  }

  /** The outstanding write, or the first of them, ends: possibly taken whole, or provably not. */
  take(possibly = true): void {
    const taken = this.#taken.shift();
    if (taken === undefined) throw new Error('No write is outstanding');
    taken(possibly);
  }

  start(_user: ChannelUser): void {}
  pause(): void {}
  resume(): void {}
  ref(): void {}
  unref(): void {}

  close(): void {
    this.dead = true;
  }

  destroy(): void {
    this.dead = true;
  }
}
