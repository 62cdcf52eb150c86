#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { codeOf } from '../errors.ts';
import { optionError } from '../util/check.ts';
import { suggestion } from '../util/nearest.ts';
import { checkOperands, readOptions, sortArguments } from './arguments.ts';
import { commands, type Listed } from './commands.ts';
import { type ExitCode, exitCodeOf } from './exit-codes.ts';

/** How errors are told: as the command asks for. */
let isForMachines = false;
let hasOutcome = false;
/** Where more is to be learned after wrong use. */
let manual = 'holdfast --help';

async function main([name = '', ...args]: readonly string[]): Promise<ExitCode> {
  if (['--help', '-h', 'help'].includes(name)) return help(args);
  if (name === '--version') return printVersion();
  const listed = find(name);
  manual = `holdfast ${name} --help`;
  const command = await listed.load();
  hasOutcome = command.hasOutcome;
  if (asksForHelp(args)) return help([name]);
  const sorted = sortArguments(args, command);
  isForMachines = (sorted.texts.get('json')?.length ?? 0) > 0;
  const options = readOptions(command, sorted);
  checkOperands(command, sorted);
  return command.run(sorted.operands, options);
}

function find(name: string): Listed {
  const listed = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (listed !== undefined) return listed;
  if (name === '') throw optionError('A command is missing');
  const known = [...Object.keys(commands), '--help', '--version'];
  throw optionError(`Unknown command "${name}"${suggestion(name, known)}`);
}

/** What stands behind `--` is nobody's option. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? args.length : end).some((arg) => arg === '--help' || arg === '-h');
}

async function help([name]: readonly string[]): Promise<ExitCode> {
  const { helpOf, overview } = await import('./help.ts');
  if (name === undefined) {
    process.stdout.write(`${overview()}\n`);
    return 0;
  }
  const listed = find(name);
  process.stdout.write(`${helpOf(name, listed.summary, await listed.load())}\n`);
  return 0;
}

function printVersion(): ExitCode {
  const { version } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string };
  process.stdout.write(`${version}\n`);
  return 0;
}

/** Never on stdout: that may be somebody's stream. */
async function tell(error: unknown, code: ExitCode): Promise<void> {
  const [{ explain, errorObject }, { paintFor }, { toJson }] = await Promise.all([
    import('./explain.ts'),
    import('./terminal.ts'),
    import('./json.ts'),
  ]);
  const paint = paintFor(process.stderr, process.env);
  const text = isForMachines
    ? toJson({ ...errorObject(error), exitCode: code })
    : explain(error, hasOutcome, paint);
  const more = code === 2 && !isForMachines ? `\n  See ${manual}` : '';
  process.stderr.write(`${text}${more}\n`);
}

// Who reads no more of it, e.g. `head`, knows why.
process.stdout.on('error', (error) => {
  if (codeOf(error) !== 'EPIPE') throw error;
});

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  async (error: unknown) => {
    const code = exitCodeOf(error, hasOutcome);
    process.exitCode = code;
    await tell(error, code);
  },
);
