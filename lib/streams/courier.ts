import type { Outgoing } from '../protocols/protocol.ts';

/** Where a {@link Courier} puts what it carries. */
export interface CourierTarget extends Outgoing {
  /** So many more fill the next write. */
  readonly roomBytes: number;
}

/** What is left of a write when less is: it is full then, rather than a part cut in two. */
const leastRoomBytes = 4 * 1024;

/** What a {@link Courier} carries for. */
export interface Sending {
  readonly hasNext: boolean;
  /** Sends one part; throws only when this side has a defect. */
  writeNext(target: Outgoing): void;
}

/**
 * Carries items to a link: one part of each stream in turn, and only while little waits to be sent. So
 * a call that comes in between waits for little, however much the streams have to send.
 */
export class Courier {
  readonly #target: CourierTarget;
  /** Streams that may have something to send; the first is the next in turn. */
  readonly #turns = new Set<Sending>();

  constructor(target: CourierTarget) {
    this.#target = target;
  }

  /** Something waits for its turn. */
  get isBusy(): boolean {
    return this.#turns.size > 0;
  }

  /** The stream may have something to send. */
  add(stream: Sending): void {
    if (stream.hasNext) this.#turns.add(stream);
  }

  /** The stream sends nothing more on this link. */
  remove(stream: Sending): void {
    this.#turns.delete(stream);
  }

  /** The link is gone. */
  clear(): void {
    this.#turns.clear();
  }

  /** Pushes parts until they fill a write; true when there was something to push. */
  pump(): boolean {
    if (this.#turns.size === 0) return false;
    let isPushed = false;
    for (const stream of this.#turns) {
      if (this.#target.roomBytes < leastRoomBytes) break;
      this.#turns.delete(stream);
      if (!stream.hasNext) continue;
      stream.writeNext(this.#target);
      isPushed = true;
      // At the end of the line, which this loop comes to as well.
      if (stream.hasNext) this.#turns.add(stream);
    }
    return isPushed;
  }
}
