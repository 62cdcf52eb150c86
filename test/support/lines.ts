import type { Readable } from 'node:stream';
import type { Channel } from '../../lib/index.ts';

/** Lines that come, one after the other; after the end there is the empty line for ever. */
export class Lines {
  readonly #lines: string[] = [];
  #rest = '';
  #isEnded = false;
  #wake: () => void = () => {};

  static ofStream(stream: Readable): Lines {
    const lines = new Lines();
    stream.on('data', (chunk: Buffer) => lines.#take(chunk));
    stream.on('close', () => lines.#end());
    return lines;
  }

  static ofChannel(channel: Channel): Lines {
    const lines = new Lines();
    channel.start({ onBytes: (chunk) => lines.#take(chunk), onClosed: () => lines.#end() });
    return lines;
  }

  async next(): Promise<string> {
    while (this.#lines.length === 0 && !this.#isEnded) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#lines.shift() ?? '';
  }

  #take(chunk: Buffer): void {
    this.#rest += chunk.toString();
    const parts = this.#rest.split('\n');
    this.#rest = parts.pop() as string;
    this.#lines.push(...parts);
    this.#wake();
  }

  #end(): void {
    this.#isEnded = true;
    this.#wake();
  }
}
