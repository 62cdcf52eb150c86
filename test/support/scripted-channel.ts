import type { Channel, ChannelUser, Peer } from '../../lib/media/medium.ts';

/**
 * A channel that does nothing by itself: the test says when and how each write ends. It holds its
 * user to the contract: one write at a time.
 */
export class ScriptedChannel implements Channel {
  readonly peer: Peer = { medium: 'scripted', address: '' };
  dead = false;
  /** The bytes of each write, in order. */
  readonly writes: Buffer[] = [];
  /** How many parts each write had. */
  readonly parts: number[] = [];
  #taken: ((possibly: boolean) => void) | undefined;

  /** Everything that was written. */
  get bytes(): Buffer {
    return Buffer.concat(this.writes);
  }

  /** True while a write waits for its end. */
  get isWriting(): boolean {
    return this.#taken !== undefined;
  }

  write(parts: readonly Uint8Array[], taken: (possibly: boolean) => void): void {
    if (this.#taken !== undefined) throw new Error('A write began while another was outstanding');
    if (this.dead) throw new Error('A write began on a channel that is known to be dead');
    this.writes.push(Buffer.concat(parts));
    this.parts.push(parts.length);
    this.#taken = taken;
  }

  /** The outstanding write ends: possibly taken whole, or provably not. */
  take(possibly = true): void {
    const taken = this.#taken;
    if (taken === undefined) throw new Error('No write is outstanding');
    this.#taken = undefined;
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
