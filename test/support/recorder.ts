import type { Channel, ChannelUser } from '../../lib/index.ts';

/** A channel's user that keeps what it is told, and fails the test when the contract is broken. */
export class Recorder implements ChannelUser {
  readonly channel: Channel;
  readonly chunks: Buffer[] = [];
  byteLength = 0;
  /** How often the channel said that it is closed. */
  closings = 0;
  cause: Error | undefined;
  /** What came after the channel had said that it is closed. */
  late = 0;
  /** Called with every chunk, before it is kept. */
  onChunk: (chunk: Buffer) => void = () => {};
  /** Where the next bytes shall be read into. */
  place: () => Buffer | undefined = () => undefined;
  /** Resolves with the channel's last word. */
  readonly closed: Promise<Error | undefined>;
  #resolveClosed: (cause: Error | undefined) => void = () => {};
  #waiters: { readonly byteLength: number; readonly resolve: () => void }[] = [];

  constructor(channel: Channel) {
    this.channel = channel;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    channel.start(this);
  }

  onBytes(chunk: Buffer): void {
    if (this.closings > 0) this.late++;
    this.onChunk(chunk);
    // A copy: the memory is the channel's.
    this.chunks.push(Buffer.from(chunk));
    this.byteLength += chunk.length;
    this.#waiters = this.#waiters.filter(({ byteLength, resolve }) => {
      if (this.byteLength < byteLength) return true;
      resolve();
      return false;
    });
  }

  readInto(): Buffer | undefined {
    return this.place();
  }

  onClosed(cause: Error | undefined): void {
    this.closings++;
    this.cause = cause;
    this.#resolveClosed(cause);
  }

  /** Everything that has come so far. */
  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** Resolves when so many bytes have come; gives everything. */
  async take(byteLength: number): Promise<Buffer> {
    if (this.byteLength < byteLength) {
      await new Promise<void>((resolve) => {
        this.#waiters.push({ byteLength, resolve });
      });
    }
    return this.bytes;
  }
}

/** One write; resolves with what the channel said of it, at most once. */
export function writeOnce(channel: Channel, ...parts: Uint8Array[]): Promise<boolean> {
  let calls = 0;
  return new Promise((resolve, reject) => {
    channel.write(parts, (possibly) => {
      if (++calls > 1) reject(new Error('A write was reported twice'));
      resolve(possibly);
    });
  });
}

/** Writes in pieces, one outstanding at a time, as the outbox does. */
export async function writeAll(
  channel: Channel,
  bytes: Uint8Array,
  pieceBytes: number = 64 * 1024,
): Promise<void> {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    await writeOnce(channel, bytes.subarray(at, at + pieceBytes));
  }
}

/** Pseudo-random bytes that depend on nothing but the seed (xorshift32). */
export function seededBytes(seed: number, byteLength: number): Buffer {
  const words = new Uint32Array(Math.ceil(byteLength / 4));
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    words[index] = state;
  }
  return Buffer.from(words.buffer, 0, byteLength);
}

/** Turns the event loop until `progress` has not changed for many turns: nothing moves any more. */
export async function settled(progress: () => number): Promise<void> {
  let seen = progress();
  for (let quiet = 0; quiet < 100; quiet++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (progress() === seen) continue;
    seen = progress();
    quiet = 0;
  }
}
