import type { ExitCode } from './exit-codes.ts';

/** An option of a command: how it is written, what it means, what becomes of its text. */
export interface Option<Value> {
  /** What stands for its value in the help, e.g. `TIME`; an option without is a switch. */
  readonly placeholder?: string;
  /** One letter that stands for it. */
  readonly short?: string;
  /** May be given more than once. */
  readonly isRepeated?: boolean;
  /** One or two sentences, without a full stop. */
  readonly help: string;
  /**
   * Gives the option's value; `texts` is empty when it was not given.
   *
   * @throws Error whose message goes on where `--name` ends: `must be …`
   */
  read(texts: readonly string[]): Value;
}

/** The options of a command, by name. */
export type OptionSet = Readonly<Record<string, Option<unknown>>>;

/** What a command gets for its options. */
export type ValuesOf<Options extends OptionSet> = {
  readonly [Name in keyof Options]: ReturnType<Options[Name]['read']>;
};

/** What stands on the command line without a name. */
export interface Operand {
  readonly name: string;
  readonly help: string;
  readonly isOptional?: boolean;
  /** The last one may be a list of them. */
  readonly isRepeated?: boolean;
}

/** What a command does and how it is used; its help is made of this. */
export interface CommandOf<Options extends OptionSet> {
  readonly operands: readonly Operand[];
  readonly options: Options;
  /** What it does beyond its summary: paragraphs. */
  readonly about: readonly string[];
  /** Arguments, and what they do. */
  readonly examples: readonly (readonly [args: string, what: string])[];
  /** It makes calls: the exit code of a failure is that of the outcome. Else it is 1. */
  readonly hasOutcome: boolean;
  /** Gives the exit code; what it rejects with is told on stderr. */
  run(operands: readonly string[], options: ValuesOf<Options>): Promise<ExitCode>;
}

/** A command, whatever its options. */
export type Command = CommandOf<OptionSet>;

/** Ties what a command is given to the options that it has. */
export function command<Options extends OptionSet>(definition: CommandOf<Options>): Command {
  return definition as unknown as Command;
}
