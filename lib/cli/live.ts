/** Cursor to the corner. */
const home = '\u001b[H';
const clearAll = '\u001b[2J';
const clearToEndOfLine = '\u001b[K';
const clearRest = '\u001b[J';
/** A screen of its own, without a cursor; and back to what was there. */
const enter = '\u001b[?1049h\u001b[?25l';
const leave = '\u001b[?25h\u001b[?1049l';

/** Ctrl-C comes as a key from a terminal that is in raw mode. */
const quitKeys = ['q', 'Q', '\u0003'];

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is looked for
const colour = /\u001b\[\d+m/y;
const colourOff = '\u001b[0m';

/** How much a terminal can show. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/**
 * What a terminal is sent to show a text in place of the one before. That is overwritten line by
 * line and not wiped out first, so that nothing flickers.
 */
export function frame(text: string, isFirst: boolean): string {
  const lines = text.split('\n').map((line) => `${line}${clearToEndOfLine}\n`);
  return `${isFirst ? clearAll : ''}${home}${lines.join('')}${clearRest}`;
}

/** As much of a text as a terminal of this size can show without wrapping and without scrolling. */
export function fitted(text: string, { columns, rows }: Size): string {
  const lines = text.split('\n');
  // The cursor stands in the row behind the last.
  const room = Math.max(1, rows - 1);
  const shown = lines.length <= room ? lines : lines.slice(0, room - 1);
  if (shown.length < lines.length) shown.push(`… and ${lines.length - shown.length} lines more`);
  return shown.map((line) => cut(line, columns)).join('\n');
}

/** So many characters of a line; colours take no room. */
function cut(line: string, columns: number): string {
  let room = columns;
  let at = 0;
  while (at < line.length) {
    colour.lastIndex = at;
    const [code] = colour.exec(line) ?? [];
    if (code === undefined && room === 0) return `${line.slice(0, at)}${colourOff}`;
    if (code === undefined) room--;
    at += code?.length ?? String.fromCodePoint(line.codePointAt(at) as number).length;
  }
  return line;
}

/** What of stdout a live screen uses. */
export interface ScreenOutput extends Partial<Size> {
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

/** What of stdin a live screen uses. */
export interface ScreenInput {
  readonly isTTY?: boolean;
  setRawMode?(isRaw: boolean): unknown;
  on(event: 'data', listener: (keys: Buffer) => void): unknown;
  off(event: 'data', listener: (keys: Buffer) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

/** A text that is shown live, on a screen of its own, until somebody types q. */
export class LiveScreen {
  readonly #output: ScreenOutput;
  readonly #input: ScreenInput;
  readonly #onQuit: () => void;
  #text = '';
  #isOpen = true;
  readonly #onKeys = (keys: Buffer): void => {
    const typed = keys.toString('latin1');
    if (quitKeys.some((key) => typed.includes(key))) this.#onQuit();
  };
  readonly #onResize = (): void => this.#draw(true);
  readonly #onExit = (): void => this.close();

  constructor(output: ScreenOutput, input: ScreenInput, onQuit: () => void) {
    this.#output = output;
    this.#input = input;
    this.#onQuit = onQuit;
    output.write(enter);
    output.on('resize', this.#onResize);
    // Whatever ends the process: its user needs the terminal.
    process.on('exit', this.#onExit);
    if (!input.isTTY) return;
    input.setRawMode?.(true);
    input.on('data', this.#onKeys);
    input.resume();
  }

  show(text: string): void {
    const isFirst = this.#text === '';
    this.#text = text;
    this.#draw(isFirst);
  }

  /** Gives the terminal back as it was, with the last text behind what was there. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#output.off('resize', this.#onResize);
    process.off('exit', this.#onExit);
    this.#output.write(`${leave}${this.#text === '' ? '' : `${this.#text}\n`}`);
    if (!this.#input.isTTY) return;
    this.#input.off('data', this.#onKeys);
    this.#input.setRawMode?.(false);
    this.#input.pause();
  }

  #draw(isFirst: boolean): void {
    const { columns = 80, rows = 24 } = this.#output;
    this.#output.write(frame(fitted(this.#text, { columns, rows }), isFirst));
  }
}
