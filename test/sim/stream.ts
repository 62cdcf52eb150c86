import type { Random } from './random.ts';
import type { World } from './world.ts';

/** How one direction of a connection carries bytes. */
export interface Carriage {
  readonly latencyMs: number;
  readonly jitterMs: number;
  /** What the two kernels hold together of what was written and not read yet. */
  readonly roomBytes: number;
  /** Most bytes that arrive at a time. */
  readonly pieceBytes: number;
}

/** How the far end learns that there will be no more. */
export type Ending = 'fin' | 'rst';

interface Segment {
  bytes: Buffer;
  at: number;
}

const maxPieces = 40;

/** After an outage what was lost is sent again within so long. */
const retransmitMs = 300;

/**
 * One direction of a connection, from one kernel through the network to the other: bytes that the
 * sender's kernel has taken, in order, each with the time when it can be read.
 */
export class Stream {
  readonly carriage: Carriage;
  readonly #world: World;
  readonly #random: Random;
  #segments: Segment[] = [];
  #unreadBytes = 0;
  #lastAt = 0;
  #takenAt = 0;
  #ending: { readonly kind: Ending; at: number } | undefined;
  /** Nothing passes, and nobody is told. */
  #isDark = false;
  /** Bytes that were taken so far, and how many of them pass before the path breaks. */
  takenBytes = 0;
  #passingBytes = Number.POSITIVE_INFINITY;
  #onBroken: () => void = () => {};
  /** Told when there is, or will be, something to read. */
  onNews: () => void = () => {};

  constructor(world: World, random: Random, carriage: Carriage) {
    this.#world = world;
    this.#random = random;
    this.carriage = carriage;
  }

  /** Bytes that the sender's kernel takes at the moment. */
  get room(): number {
    return this.#ending === undefined
      ? Math.max(0, this.carriage.roomBytes - this.#unreadBytes)
      : 0;
  }

  /** How long ago the last bytes were taken. */
  get quietMs(): number {
    return this.#world.now - this.#takenAt;
  }

  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  /** True from the moment at which the end was sent. */
  get hasEnding(): boolean {
    return this.#ending !== undefined;
  }

  /** What has arrived of an end, whatever lies before it. */
  get arrivedEnding(): Ending | undefined {
    const ending = this.#ending;
    return ending !== undefined && ending.at <= this.#world.now ? ending.kind : undefined;
  }

  /** The sender's kernel takes these bytes; there is room for them. */
  take(bytes: Buffer): void {
    this.#takenAt = this.#world.now;
    const passing = Math.max(0, this.#passingBytes - this.takenBytes);
    this.takenBytes += bytes.length;
    let left = bytes;
    if (bytes.length > passing) {
      left = bytes.subarray(0, passing);
      this.#world.after(0, this.#onBroken);
      this.#onBroken = () => {};
    }
    this.#unreadBytes += left.length;
    // A long message in tiny pieces takes long to simulate and shows nothing that its head does not.
    const leastBytes = Math.ceil(left.length / maxPieces);
    while (left.length > 0) {
      const pieceBytes = Math.max(leastBytes, this.#random.int(1, this.carriage.pieceBytes));
      const size = Math.min(left.length, pieceBytes);
      this.#segments.push({ bytes: left.subarray(0, size), at: this.#arrival() });
      left = left.subarray(size);
    }
    this.onNews();
  }

  /** The path breaks when so many more bytes have passed. */
  breakAfter(bytes: number, onBroken: () => void): void {
    this.#passingBytes = this.takenBytes + bytes;
    this.#onBroken = onBroken;
  }

  /**
   * The end follows what was taken.
   *
   * @param isHasty what has not arrived yet is lost
   */
  end(kind: Ending, isHasty = false): void {
    if (this.#ending !== undefined && (kind === 'fin' || this.#ending.kind === 'rst')) return;
    if (isHasty) this.#lose();
    this.#ending = { kind, at: this.#arrival() };
    this.onNews();
  }

  /** Nobody reads any more: what is on its way is thrown away. */
  forget(): void {
    this.#segments = [];
    this.#unreadBytes = 0;
  }

  /** What is on its way, and what follows, comes so much later. */
  delay(ms: number): void {
    this.#lastAt = Math.max(this.#lastAt, this.#world.now) + ms;
    for (const segment of this.#segments) {
      if (segment.at > this.#world.now) segment.at += ms;
    }
    if (this.#ending !== undefined && this.#ending.at > this.#world.now) this.#ending.at += ms;
    this.#lastAt = Math.max(this.#lastAt, this.#segments.at(-1)?.at ?? 0);
  }

  darken(): void {
    this.#isDark = true;
    for (const segment of this.#segments) {
      if (segment.at > this.#world.now) segment.at = Number.POSITIVE_INFINITY;
    }
    const ending = this.#ending;
    if (ending !== undefined && ending.at > this.#world.now) ending.at = Number.POSITIVE_INFINITY;
  }

  /** The path is there again: what was lost is sent once more. */
  lighten(): void {
    if (!this.#isDark) return;
    this.#isDark = false;
    this.#lastAt = this.#world.now + this.#random.between(0, retransmitMs);
    for (const segment of this.#segments) {
      if (segment.at === Number.POSITIVE_INFINITY) segment.at = this.#arrival();
    }
    const ending = this.#ending;
    if (ending?.at === Number.POSITIVE_INFINITY) ending.at = this.#arrival();
    this.onNews();
  }

  /** When something can be read, or the end of it; `undefined` as long as nothing is on its way. */
  get nextAt(): number | undefined {
    return this.#segments[0]?.at ?? this.#ending?.at;
  }

  /** Reads what has arrived, as much as fits into `target`; gives the number of bytes. */
  read(target: Buffer): number {
    let filled = 0;
    while (filled < target.length) {
      const segment = this.#segments[0];
      if (segment === undefined || segment.at > this.#world.now) break;
      const size = segment.bytes.copy(target, filled);
      filled += size;
      if (size === segment.bytes.length) this.#segments.shift();
      else segment.bytes = segment.bytes.subarray(size);
    }
    this.#unreadBytes -= filled;
    return filled;
  }

  /** The end, if everything before it was read. */
  get reachedEnding(): Ending | undefined {
    return this.#segments.length === 0 ? this.arrivedEnding : undefined;
  }

  #arrival(): number {
    if (this.#isDark) return Number.POSITIVE_INFINITY;
    const { latencyMs, jitterMs } = this.carriage;
    const travelMs = latencyMs + jitterMs * this.#random.next() ** 3;
    this.#lastAt = Math.max(this.#lastAt, this.#world.now + travelMs);
    return this.#lastAt;
  }

  #lose(): void {
    this.#segments = this.#segments.filter(({ at }) => at <= this.#world.now);
    this.#unreadBytes = this.#segments.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#lastAt = this.#world.now;
  }
}
