import type { Outbox } from './outbox.ts';

const maxToken = 0xffff_ffff;

/**
 * One ping at a time. It may wait behind a long message: as long as that gets through, the far end
 * lives, although it cannot answer yet.
 */
export class PingWatch {
  readonly #outbox: Outbox;
  #last = 0;
  #token = 0;
  #isBehind = false;
  /** What was through when it was last looked at. */
  #progressBytes = 0;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** The ping whose answer is awaited; 0 if none is. */
  get token(): number {
    return this.#token;
  }

  /** A new ping, to be pushed next; gives its token. */
  begin(): number {
    this.#last = (this.#last % maxToken) + 1;
    this.#token = this.#last;
    this.#look();
    return this.#token;
  }

  /** The answer has come, or another sign of life. */
  end(): void {
    this.#token = 0;
  }

  /** True when the ping waited behind a message that has got on since the last look. */
  hasProgress(): boolean {
    if (!this.#isBehind || this.#outbox.writtenBytes === this.#progressBytes) return false;
    this.#look();
    return true;
  }

  #look(): void {
    this.#isBehind = this.#outbox.backlogBytes > 0;
    this.#progressBytes = this.#outbox.writtenBytes;
  }
}
