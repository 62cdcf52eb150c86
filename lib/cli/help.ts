import type { Command, Operand, Option } from './command.ts';
import { commands } from './commands.ts';
import { exitCodes } from './exit-codes.ts';

const width = 80;

/** What `holdfast --help` says. */
export function overview(): string {
  const names = Object.entries(commands).map(([name, { summary }]) => [name, summary] as const);
  return [
    'Usage: holdfast COMMAND [ARGUMENTS] [OPTIONS]',
    listed([
      ...names,
      ['--help, -h', 'this text; behind a command, what there is to know of it'],
      ['--version', 'the version'],
    ]),
    exitCodeText(),
    environment,
  ].join('\n\n');
}

const environment = `Colours are for terminals; NO_COLOR switches them off.`;

/** What `holdfast NAME --help` says. */
export function helpOf(name: string, summary: string, command: Command): string {
  const { operands, options, about, examples } = command;
  const own = Object.entries(options).map(
    ([option, spec]) => [optionText(option, spec), spec.help] as const,
  );
  const usage = ['holdfast', name, ...operands.map(operandText)];
  const parts = [
    `holdfast ${name}: ${summary}`,
    `Usage: ${[...usage, '[OPTIONS]'].join(' ')}`,
    listed(operands.map(({ name: operand, help }) => [operand, help])),
    ...about.map((paragraph) => wrapped(paragraph, '')),
    `Options:\n${listed([...own, ['--help, -h', 'this text']])}`,
    `Examples:\n${examples.map(([args, what]) => `  holdfast ${args}\n      ${what}`).join('\n')}`,
    exitCodeText(command.hasOutcome ? undefined : ['0', '1', '2']),
  ];
  return parts.join('\n\n');
}

function operandText({ name, isOptional = false, isRepeated = false }: Operand): string {
  const text = isRepeated ? `${name}…` : name;
  return isOptional ? `[${text}]` : text;
}

function optionText(name: string, { placeholder, short }: Option<unknown>): string {
  const value = placeholder === undefined ? '' : ` ${placeholder}`;
  return `--${name}${value}${short === undefined ? '' : `, -${short}`}`;
}

function exitCodeText(only?: readonly string[]): string {
  const shown = Object.entries(exitCodes).filter(([code]) => only?.includes(code) ?? true);
  return `Exit codes:\n${listed(shown)}`;
}

/** Names, and what they mean beside them; below them where a name is long. */
function listed(rows: readonly (readonly [name: string, meaning: string])[]): string {
  const column = Math.min(22, Math.max(...rows.map(([name]) => name.length)) + 4);
  const indent = ' '.repeat(column);
  return rows
    .map(([name, meaning]) => {
      const text = wrapped(meaning, indent);
      const head = `  ${name}`;
      return head.length + 2 <= column
        ? `${head.padEnd(column)}${text.slice(column)}`
        : `${head}\n${text}`;
    })
    .join('\n');
}

/** A paragraph in lines that are not too long. */
function wrapped(text: string, indent: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines.map((each) => `${indent}${each}`).join('\n');
}
