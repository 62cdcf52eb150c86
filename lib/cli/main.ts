#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { HoldfastError, isHoldfastError, messageOf } from '../errors.ts';
import { suggestion } from '../util/nearest.ts';
import { bridge } from './bridge.ts';

const usage = `Usage: holdfast COMMAND

  holdfast bridge URL    join stdin and stdout to a local server, tcp://HOST:PORT or unix:/PATH
  holdfast --help        this text
  holdfast --version     the version

Exit codes: 0 done, 1 the connection failed or broke, 2 wrong use.
`;

/** A command takes what stands behind its name. */
type Command = (args: readonly string[]) => Promise<void>;

const commands: Readonly<Record<string, Command>> = {
  bridge: async (args) => {
    const [url, ...rest] = args;
    if (url === undefined || rest.length > 0) throw wrongUse('bridge takes one URL');
    await bridge(url, { input: process.stdin, output: process.stdout });
  },
  '--help': async () => {
    process.stdout.write(usage);
  },
  '--version': async () => {
    const { version } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    ) as { version: string };
    process.stdout.write(`${version}\n`);
  },
};

function wrongUse(why: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_OPTION', `${why}\n\n${usage}`, { final: true });
}

async function main([name = '', ...args]: readonly string[]): Promise<void> {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    throw wrongUse(
      name === ''
        ? 'A command is missing'
        : `Unknown command "${name}"${suggestion(name, Object.keys(commands))}`,
    );
  }
  await command(args);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  // Never on stdout: that may be somebody's stream.
  process.stderr.write(`holdfast: ${messageOf(error)}\n`);
  process.exitCode =
    isHoldfastError(error) && ['ERR_HOLDFAST_OPTION', 'ERR_HOLDFAST_URL'].includes(error.code)
      ? 2
      : 1;
});
