import { parseArgs } from 'node:util';
import { messageOf } from '../errors.ts';
import { optionError } from '../util/check.ts';
import { suggestion } from '../util/nearest.ts';
import type { Command, Option } from './command.ts';

/** What stands on the command line, sorted. */
export interface Arguments {
  readonly operands: readonly string[];
  /** By option; what was not given has an empty list. */
  readonly texts: ReadonlyMap<string, readonly string[]>;
}

/**
 * Sorts the arguments of a command into operands and options.
 *
 * @throws HoldfastError `ERR_HOLDFAST_OPTION` for an unknown option, with the nearest right one, and
 *   for one that has a value too many or too few
 */
export function sortArguments(args: readonly string[], { options }: Command): Arguments {
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(Object.entries(options).map(([name, o]) => [name, asNodeHasIt(o)])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const operands: string[] = [];
  const texts = new Map<string, string[]>(Object.keys(options).map((name) => [name, []]));
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (option === undefined) throw unknown(token.rawName, Object.keys(options));
    if (option.placeholder === undefined) {
      if (token.value !== undefined) throw optionError(`--${token.name} takes no value`);
    } else if (token.value === undefined || token.value === '') {
      throw optionError(`--${token.name} needs a value: --${token.name} ${option.placeholder}`);
    }
    texts.get(token.name)?.push(token.value ?? '');
  }
  return { operands, texts };
}

function asNodeHasIt({ placeholder, short, isRepeated = false }: Option<unknown>): {
  type: 'string' | 'boolean';
  multiple: boolean;
  short?: string;
} {
  const type = placeholder === undefined ? 'boolean' : 'string';
  return { type, multiple: isRepeated, ...(short === undefined ? {} : { short }) };
}

function unknown(given: string, names: readonly string[]): Error {
  const found = suggestion(
    given,
    names.map((name) => `--${name}`),
  );
  const rest = given.startsWith('--') ? '' : '; what is no option goes behind --';
  return optionError(`Unknown option "${given}"${found || rest}`);
}

/**
 * The values of a command's options.
 *
 * @throws HoldfastError `ERR_HOLDFAST_OPTION`
 */
export function readOptions({ options }: Command, { texts }: Arguments): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(options)) {
    const given = texts.get(name) ?? [];
    if (given.length > 1 && option.isRepeated !== true && option.placeholder !== undefined) {
      throw optionError(`--${name} is given ${given.length} times`);
    }
    try {
      values[name] = option.read(given);
    } catch (error) {
      throw optionError(`--${name} ${messageOf(error)}`);
    }
  }
  return values;
}

/**
 * Checks that there are as many operands as the command has.
 *
 * @throws HoldfastError `ERR_HOLDFAST_OPTION`
 */
export function checkOperands(command: Command, { operands }: Arguments): void {
  const missing = command.operands[operands.length];
  if (missing !== undefined && missing.isOptional !== true) {
    const isListed = missing.isRepeated === true && operands.length >= command.operands.length;
    if (!isListed) throw optionError(`${missing.name} is missing: ${missing.help}`);
  }
  const isOpen = command.operands.at(-1)?.isRepeated === true;
  const extra = operands[command.operands.length];
  if (extra !== undefined && !isOpen) {
    throw optionError(`Nothing is known of "${extra}": it is one argument too many`);
  }
}
