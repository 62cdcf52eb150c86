import type { WriteStream } from 'node:tty';

/** How often the line is renewed: where it is overwritten, and where it is not. */
const liveEveryMs = 100;
const plainEveryMs = 3_000;

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** Says how far a run has come: one live line on a terminal, a line now and then elsewhere. */
export class Progress {
  readonly #stream: WriteStream;
  readonly #line: () => string;
  readonly #isLive: boolean;
  readonly #hasColours: boolean;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: WriteStream, line: (progress: Progress) => string) {
    this.#stream = stream;
    this.#line = () => line(this);
    this.#isLive = stream.isTTY === true;
    // Obeys NO_COLOR and FORCE_COLOR.
    this.#hasColours = this.#isLive && stream.hasColors();
  }

  start(): void {
    this.#timer = setInterval(
      () => this.#show(),
      this.#isLive ? liveEveryMs : plainEveryMs,
    ).unref();
    this.#show();
  }

  /** Takes the live line away. */
  stop(): void {
    clearInterval(this.#timer);
    if (this.#isLive) this.#stream.write('\r\x1b[K');
  }

  /** A text in a colour, where colours are shown. */
  paint(colour: keyof typeof codes, text: string): string {
    return this.#hasColours ? `\x1b[${codes[colour]}m${text}\x1b[0m` : text;
  }

  #show(): void {
    const line = this.#line();
    // Without wrapping: a line that is too long for the terminal could not be overwritten.
    this.#stream.write(this.#isLive ? `\r\x1b[K\x1b[?7l${line}\x1b[?7h` : `${line}\n`);
  }
}

/** A bar that is full at 1. */
export function bar(share: number, width = 20): string {
  const full = Math.round(share * width);
  return '█'.repeat(full) + '░'.repeat(width - full);
}
