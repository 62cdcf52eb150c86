import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/**
 * What is kept for a target, in hex, one input a line: `NAME.txt` has inputs that together reach
 * what can be reached, and `NAME.found.txt` those that it once could not bear.
 */
export class Corpus {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  /** All that is kept. */
  get inputs(): Buffer[] {
    return [...read(fileOf(this.#name)), ...this.found];
  }

  /** Inputs that once were too much. */
  get found(): Buffer[] {
    return read(fileOf(`${this.#name}.found`));
  }

  /** Keeps these inputs in place of the others; short ones first. */
  keep(inputs: readonly Buffer[]): void {
    write(fileOf(this.#name), inputs);
  }

  /** Keeps an input that is too much. */
  addFound(input: Buffer): void {
    write(fileOf(`${this.#name}.found`), [...this.found, input]);
  }
}

/** How no bytes at all are written. */
const nothing = '-';

function fileOf(name: string): URL {
  return new URL(`./corpus/${name}.txt`, import.meta.url);
}

function read(file: URL): Buffer[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line === nothing ? '' : line, 'hex'));
}

function write(file: URL, inputs: readonly Buffer[]): void {
  const lines = [...new Set(inputs.map((input) => input.toString('hex') || nothing))];
  lines.sort((one, other) => one.length - other.length || (one < other ? -1 : 1));
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
}
