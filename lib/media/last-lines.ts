/** The end of a program's stderr, for errors: a bounded part, on one line, without control characters. */
export class LastLines {
  readonly #maxBytes: number;
  readonly #maxLines: number;
  #text = '';

  /**
   * @param maxBytes so much of what a program says is kept
   * @param maxLines so many lines of it are shown
   */
  constructor(maxBytes = 2_048, maxLines = 5) {
    this.#maxBytes = maxBytes;
    this.#maxLines = maxLines;
  }

  add(chunk: Buffer): void {
    this.#text = (this.#text + chunk.toString('latin1')).slice(-this.#maxBytes);
  }

  /** All that is kept. */
  get text(): string {
    return Buffer.from(this.#text, 'latin1').toString();
  }

  /** As the end of a sentence: `: line | line`, or nothing. */
  get suffix(): string {
    const lines = this.text
      .split(/[\r\n]+/)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
      .map((line) => line.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ').trim())
      .filter((line) => line !== '');
    return lines.length === 0 ? '' : `: ${lines.slice(-this.#maxLines).join(' | ')}`;
  }
}
