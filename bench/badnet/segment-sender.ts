import type { Writable } from 'node:stream';
import type { GilbertElliott } from './gilbert-elliott.ts';

/** The times of TCP, in ms. */
export interface SenderTimes {
  /** Until a SYN is sent again; doubles. */
  readonly synMs: number;
  /** Until what was not acknowledged is sent again; doubles. */
  readonly retransmitMs: number;
}

/** Those of Linux. */
export const tcpTimes: SenderTimes = { synMs: 1_000, retransmitMs: 200 };

const segmentBytes = 1_448;
const firstWindow = 10;
const longestMs = 120_000;

/** What is left of the window when a loss shows (CUBIC, RFC 9438). */
const backoff = 0.7;

interface Segment {
  readonly bytes: Buffer;
  state: 'waits' | 'sent' | 'arrived';
}

/**
 * Sends a stream in segments that may get lost, as TCP does: acknowledgements come at once and are
 * not lost; each lets more out, and shows which segments before it were lost. When none comes any
 * more, the timer sends one segment, and waits twice as long the next time.
 */
export class SegmentSender {
  readonly #target: Writable;
  readonly #chain: GilbertElliott;
  readonly #firstMs: number;
  /** What the far end has not acknowledged in order, oldest first. */
  readonly #segments: Segment[] = [];
  #window = firstWindow;
  #waitMs: number;
  #timer: NodeJS.Timeout | undefined;
  #isEnding = false;
  #isStopped = false;

  constructor(target: Writable, chain: GilbertElliott, { retransmitMs }: SenderTimes) {
    this.#target = target;
    this.#chain = chain;
    this.#firstMs = retransmitMs;
    this.#waitMs = retransmitMs;
  }

  send(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; at += segmentBytes) {
      const bytes = Buffer.from(chunk.subarray(at, at + segmentBytes));
      this.#segments.push({ bytes, state: 'waits' });
    }
    this.#go();
  }

  /** Nothing follows; what is on its way still arrives. */
  end(): void {
    this.#isEnding = true;
    this.#go();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Sends as much as the window allows. */
  #go(): void {
    if (this.#isStopped) return;
    for (;;) {
      const sent = this.#segments.filter(({ state }) => state === 'sent').length;
      const next = this.#segments.find(({ state }) => state === 'waits');
      if (next === undefined || sent >= this.#window) break;
      next.state = 'sent';
      if (this.#chain.passes()) this.#onArrived(next);
    }
    this.#deliver();
    if (this.#segments.length === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      if (this.#isEnding) this.#target.end();
    } else {
      this.#timer ??= setTimeout(() => this.#onTimer(), this.#waitMs);
    }
  }

  #onArrived(arrived: Segment): void {
    arrived.state = 'arrived';
    this.#waitMs = this.#firstMs;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const before = this.#segments.slice(0, this.#segments.indexOf(arrived));
    const lost = before.filter(({ state }) => state === 'sent');
    for (const segment of lost) segment.state = 'waits';
    this.#window = lost.length === 0 ? this.#window + 1 : Math.max(2, this.#window * backoff);
  }

  #deliver(): void {
    while (this.#segments[0]?.state === 'arrived') {
      this.#target.write(this.#segments.shift()?.bytes);
    }
  }

  #onTimer(): void {
    this.#timer = undefined;
    this.#window = 1;
    this.#waitMs = Math.min(longestMs, this.#waitMs * 2);
    for (const segment of this.#segments) if (segment.state === 'sent') segment.state = 'waits';
    this.#go();
  }
}
