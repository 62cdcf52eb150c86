import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** A file of lines to which several processes append; what is written outlives its writer. */
export class Notebook {
  readonly #fd: number;

  constructor(folder: string, name: string) {
    this.#fd = openSync(join(folder, name), 'a');
  }

  note(...words: readonly (string | number)[]): void {
    writeSync(this.#fd, `${words.join(' ')}\n`);
  }
}

/** The files of a run, below its folder. */
export const files = {
  /** Of the handlers: `verb id`. */
  ledger: 'ledger',
  /** Of the clients: `verb id outcome code`. */
  outcomes: 'outcomes',
  violations: 'violations',
  /** One JSON object a line. */
  samples: 'samples',
  /** What was done to whom, and what processes say of themselves. */
  story: 'story',
} as const;
