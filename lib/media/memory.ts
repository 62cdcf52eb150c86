import type { Channel, ChannelUser, Listener, Listening, Medium, Peer } from './medium.ts';

/** One end of a pair of channels inside this process. */
class MemoryChannel implements Channel {
  readonly peer: Peer;
  #far: MemoryChannel | undefined;
  #user: ChannelUser | undefined;
  #inbox: Buffer[] = [];
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
    far.#inbox.push(Buffer.concat(parts));
    far.#schedule();
    process.nextTick(taken, true);
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

  #schedule(): void {
    if (this.#scheduled || this.#user === undefined) return;
    this.#scheduled = true;
    setImmediate(() => this.#deliver());
  }

  #deliver(): void {
    this.#scheduled = false;
    const user = this.#user;
    if (user === undefined || this.#closed) return;
    while (!this.#dead && !this.#paused) {
      const chunk = this.#inbox.shift();
      if (chunk === undefined) break;
      user.onBytes(chunk);
    }
    if (!this.#dead && (this.#paused || !this.#ended)) return;
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
      return Promise.reject(new Error(`Somebody listens at ${this.address} already`));
    }
    this.#accept = accept;
    return Promise.resolve({
      url: this.address,
      close: async () => {
        this.#accept = undefined;
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
