import type { Channel, ChannelUser, Medium, Peer } from '../../lib/index.ts';

/** What a write reports whose bytes were not all taken. Node does each of these somewhere. */
export type Report = 'failed' | 'ok' | 'never';

/**
 * A medium over another one whose first channel takes only so many bytes of output and then dies
 * of itself, as a kernel does that has no room when the connection is lost. Later channels live.
 */
export class CuttingMedium implements Medium {
  readonly address: string;
  /** Output bytes of the next channel that are taken. */
  limit: number = Number.POSITIVE_INFINITY;
  report: Report = 'failed';
  /** Bytes that the channels were given so far. */
  written = 0;
  readonly #medium: Medium;

  constructor(medium: Medium) {
    this.#medium = medium;
    this.address = medium.address;
  }

  async dial(signal: AbortSignal): Promise<Channel> {
    const channel = new CuttingChannel(await this.#medium.dial(signal), this, this.limit);
    this.limit = Number.POSITIVE_INFINITY;
    return channel;
  }
}

class CuttingChannel implements Channel {
  readonly peer: Peer;
  readonly #channel: Channel;
  readonly #medium: CuttingMedium;
  #room: number;
  #hasDied = false;

  constructor(channel: Channel, medium: CuttingMedium, limit: number) {
    this.#channel = channel;
    this.#medium = medium;
    this.#room = limit;
    this.peer = channel.peer;
  }

  get dead(): boolean {
    return this.#hasDied || this.#channel.dead;
  }

  start(user: ChannelUser): void {
    this.#channel.start(user);
  }

  write(parts: readonly Uint8Array[], taken: (possibly: boolean) => void): void {
    const bytes = Buffer.concat(parts);
    this.#medium.written += bytes.length;
    if (bytes.length < this.#room) {
      this.#room -= bytes.length;
      this.#channel.write([bytes], taken);
      return;
    }
    const part = bytes.subarray(0, this.#room);
    const isWhole = part.length === bytes.length;
    const { report } = this.#medium;
    this.#room = 0;
    const die = (): void => {
      this.#hasDied = true;
      // A write that was taken whole never fails: that is the rule under test.
      if (report === 'failed' && !isWhole) taken(false);
      else if (report !== 'never') taken(true);
      this.#channel.destroy();
    };
    if (part.length === 0) process.nextTick(die);
    else this.#channel.write([part], die);
  }

  pause(): void {
    this.#channel.pause();
  }

  resume(): void {
    this.#channel.resume();
  }

  ref(): void {
    this.#channel.ref();
  }

  unref(): void {
    this.#channel.unref();
  }

  close(): void {
    this.#channel.close();
  }

  destroy(): void {
    this.#channel.destroy();
  }
}
