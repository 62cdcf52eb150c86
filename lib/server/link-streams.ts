import type { Outbox } from '../link/outbox.ts';
import type { ServerStreamSink } from '../protocols/holdfast/stream-frames.ts';
import type { ArrivedItem } from '../protocols/protocol.ts';
import { Courier, type Sending } from '../streams/courier.ts';
import type { RunningStreams, StreamLink } from './running-call.ts';
import type { Session } from './session.ts';

/** The link that {@link LinkStreams} are on. */
export interface StreamedLink {
  readonly session: Session | undefined;
  /** False when nothing more is sent. */
  readonly isOpen: boolean;
  /** Sends a frame. */
  push(frame: Buffer): void;
  /** Has what waits sent soon. */
  schedule(): void;
}

/** What belongs to streams on one link: frames find their calls, and items their turn. */
export class LinkStreams implements ServerStreamSink, StreamLink {
  readonly #link: StreamedLink;
  readonly #courier: Courier;

  constructor(link: StreamedLink, outbox: Outbox) {
    this.#link = link;
    this.#courier = new Courier(outbox);
  }

  onItem(item: ArrivedItem): void {
    this.#streamsOf(item.number)?.onItem(item);
  }

  onCredit(number: number, received: number, limit: number): void {
    this.#streamsOf(number)?.onCredit(received, limit);
  }

  onEnd(number: number, count: number): void {
    this.#streamsOf(number)?.onEnd(count);
  }

  /** Calls that are settled, or never were, are nobody's. */
  #streamsOf(number: number): RunningStreams | undefined {
    return this.#link.session?.running.get(number)?.streams;
  }

  send(frame: Buffer): void {
    this.#link.push(frame);
  }

  wake(stream: Sending): void {
    this.#courier.add(stream);
    if (this.#courier.isBusy) this.#link.schedule();
  }

  drop(stream: Sending): void {
    this.#courier.remove(stream);
  }

  /** Adds to what waits to be sent, behind everything else and not too much of it. */
  pump(): void {
    if (this.#link.isOpen) this.#courier.pump();
  }

  /** The link is gone. */
  clear(): void {
    this.#courier.clear();
  }
}
