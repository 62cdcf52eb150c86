import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { compile } from './compiled.ts';

/** How a command ended. */
export interface Ran {
  readonly out: string;
  readonly err: string;
  readonly code: number | null;
}

/** What a command is given beside its arguments. */
export interface Given {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

/** A command that runs. */
export interface Running {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** The next line that it prints. */
  line(): Promise<string>;
  /** Resolves when it, and all that share its output, have ended. */
  readonly ended: Promise<Ran>;
}

let compiled: Promise<string> | undefined;

/** Compiles the command once for all tests; gives where it is. */
export function commandPath(): Promise<string> {
  compiled ??= compile('../../lib/cli/main.ts', './served-module.ts').then(({ path }) => {
    const folder = join(dirname(path), '../../..');
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    return path;
  });
  return compiled;
}

/** A module for `holdfast serve`, compiled: `served-module.ts`. */
export async function servedModule(): Promise<string> {
  return join(dirname(await commandPath()), '../../test/support/served-module.js');
}

/** Starts `holdfast` as a process of its own. */
export async function start(args: readonly string[], given: Given = {}): Promise<Running> {
  const { NO_COLOR: _, FORCE_COLOR: __, ...env } = process.env;
  const child = spawn(process.execPath, [await commandPath(), ...args], {
    env: { ...env, ...given.env },
  });
  child.stdin.on('error', () => {});
  if (given.input !== undefined) child.stdin.end(given.input);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  const ended = once(child, 'close').then(([code]) => ({ out, err, code: code as number | null }));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`It ended without a line; on stderr:\n${err}`);
    return value;
  };
  return { child, line, ended };
}

/** Runs `holdfast` to its end. */
export async function run(args: readonly string[], given: Given = {}): Promise<Ran> {
  const { ended } = await start(args, { input: '', ...given });
  return ended;
}
