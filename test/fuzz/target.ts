/** Something that takes bytes from outside. */
export interface Target {
  readonly name: string;
  /** Inputs that mean something to it. */
  readonly seeds: readonly Buffer[];
  /** Pieces of inputs that mean something to it. */
  readonly words: readonly Buffer[];
  /** Takes an input, and throws when anything is not as it must be. */
  readonly take: (input: Buffer) => void;
}

/** Text as a target takes it. */
export function textOf(input: Buffer): string {
  return input.toString('utf8');
}

/** Texts as seeds or words. */
export function buffersOf(texts: readonly string[]): Buffer[] {
  return texts.map((text) => Buffer.from(text));
}
