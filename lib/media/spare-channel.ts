import type { Channel, ChannelUser, Peer } from './medium.ts';

/**
 * A channel that is open before anybody uses it. Nothing may come on it until then, as whoever is at
 * the far end speaks only when spoken to.
 */
export class SpareChannel implements Channel, ChannelUser {
  readonly peer: Peer;
  readonly #channel: Channel;
  readonly #onUseless: () => void;
  #user: ChannelUser | undefined;
  #isClosed = false;
  #cause: Error | undefined;

  /** @param onUseless called when it ends, or speaks, before it is used */
  constructor(channel: Channel, onUseless: () => void) {
    this.peer = channel.peer;
    this.#channel = channel;
    this.#onUseless = onUseless;
    channel.start(this);
  }

  get dead(): boolean {
    return this.#isClosed || this.#channel.dead;
  }

  start(user: ChannelUser): void {
    this.#user = user;
    if (this.#isClosed) process.nextTick(() => user.onClosed(this.#cause));
  }

  onBytes(chunk: Buffer): void {
    if (this.#user === undefined) this.#channel.destroy();
    else this.#user.onBytes(chunk);
  }

  readInto(): Buffer | undefined {
    return this.#user?.readInto?.();
  }

  onClosed(cause: Error | undefined): void {
    this.#isClosed = true;
    this.#cause = cause;
    if (this.#user === undefined) this.#onUseless();
    else this.#user.onClosed(cause);
  }

  write(parts: readonly Uint8Array[], taken: (possibly: boolean) => void): void {
    this.#channel.write(parts, taken);
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
