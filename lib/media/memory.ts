import type { Channel, ChannelUser, Listener, Listening, Medium, Peer } from './medium.ts';
import { listenError } from './sockets.ts';

/** With more unread bytes at the far end, a write is reported only when some of them were read. */
const maxUnreadBytes = 1024 * 1024;

/** One end of a pair of channels inside this process. */
class MemoryChannel implements Channel {
  readonly peer: Peer;
  #far: MemoryChannel | undefined;
  #user: ChannelUser | undefined;
  #inbox: Buffer[] = [];
  #unreadBytes = 0;
  /** The report of a write for which the far end had no room. */
  #taken: ((possibly: boolean) => void) | undefined;
  #scheduled = false;
  #paused = false;
  #ended = false;
  #closed = false;
  #dead = false;

  constructor(address: string) {
    this.peer = { medium: 'memory', address };
  }

  static pair(address: string): [MemoryChannel, MemoryChannel] {
    const near = new MemoryChannel(address);
    const far = new MemoryChannel(address);
    near.#far = far;
    far.#far = near;
    return [near, far];
  }

  get dead(): boolean {
    return this.#dead;
  }

  start(user: ChannelUser): void {
    this.#user = user;
    this.#schedule();
  }

  write(parts: readonly Uint8Array[], taken: (possibly: boolean) => void): void {
    const far = this.#far;
    if (this.#dead || far === undefined || far.#dead) {
      process.nextTick(taken, false);
      return;
    }
    // Copied, as a kernel does: the writer may reuse its memory once the bytes are taken.
    const chunk = Buffer.concat(parts);
    far.#inbox.push(chunk);
    far.#unreadBytes += chunk.length;
    far.#schedule();
    if (far.#unreadBytes <= maxUnreadBytes) process.nextTick(taken, true);
    else this.#taken = taken;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  ref(): void {}

  unref(): void {}

  close(): void {
    this.#end();
  }

  destroy(): void {
    this.#inbox = [];
    this.#end();
  }

  /** Our side is over at once; the far side sees the end behind what was written before. */
  #end(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#schedule();
    const far = this.#far;
    if (far !== undefined) {
      far.#ended = true;
      far.#schedule();
    }
  }

  /** There is room again at the far end: the write that waits for it is through. */
  #report(): void {
    const taken = this.#taken;
    if (taken === undefined || this.#dead) return;
    if (this.#far !== undefined && this.#far.#unreadBytes > maxUnreadBytes) return;
    this.#taken = undefined;
    process.nextTick(taken, true);
  }

  #schedule(): void {
    if (this.#scheduled || this.#user === undefined) return;
    this.#scheduled = true;
    setImmediate(() => this.#deliver());
  }

  #deliver(): void {
    this.#scheduled = false;
    const user = this.#user;
    if (user === undefined || this.#closed) return;
    let hasDelivered = false;
    while (!this.#dead && !this.#paused) {
      const chunk = this.#inbox.shift();
      if (chunk === undefined) break;
      hasDelivered = true;
      this.#unreadBytes -= chunk.length;
      user.onBytes(chunk);
      const far = this.#far;
      if (far !== undefined) far.#report();
    }
    if (!this.#dead && (this.#paused || !this.#ended)) return;
    if (hasDelivered) {
      // What the user wrote meanwhile is reported before the end is.
      this.#schedule();
      return;
    }
    if (!this.#dead) {
      this.#dead = true;
      const far = this.#far;
      if (far !== undefined) {
        far.#ended = true;
        far.#schedule();
      }
    }
    this.#closed = true;
    this.#user = undefined;
    user.onClosed(undefined);
  }
}

/** A meeting point inside this process: serve on it and connect to it. */
class Memory implements Medium, Listener {
  readonly address: string;
  #accept: ((channel: Channel) => void) | undefined;

  constructor(name: string) {
    this.address = `memory:${name}`;
  }

  dial(signal: AbortSignal): Promise<Channel> {
    return new Promise((resolve, reject) => {
      setImmediate(() => {
        if (signal.aborted) reject(signal.reason);
        else if (this.#accept === undefined) reject(refused(this.address));
        else {
          const [near, far] = MemoryChannel.pair(this.address);
          this.#accept(far);
          resolve(near);
        }
      });
    });
  }

  listen(accept: (channel: Channel) => void): Promise<Listening> {
    if (this.#accept !== undefined) {
      const inUse = Object.assign(new Error('EADDRINUSE'), { code: 'EADDRINUSE' });
      return Promise.reject(listenError(this.address, inUse));
    }
    // One for each listening, so that closing an old one twice leaves the new one alone.
    const taker = (channel: Channel): void => accept(channel);
    this.#accept = taker;
    return Promise.resolve({
      url: this.address,
      close: async () => {
        if (this.#accept === taker) this.#accept = undefined;
      },
    });
  }
}

function refused(address: string): Error {
  return Object.assign(new Error(`connect ECONNREFUSED ${address}`), { code: 'ECONNREFUSED' });
}

/**
 * A medium without a network, for tests and for parts of one program: pass the same object to
 * `serve` (as `listen`) and to `connect`. Bytes take one turn of the event loop.
 */
export function memory(name = 'local'): Medium & Listener {
  return new Memory(name);
}
