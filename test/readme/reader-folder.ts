import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { root, type Snippet } from './readme.ts';

const tsx = import.meta.resolve('tsx');
const tsc = join(fileURLToPath(import.meta.resolve('typescript/package.json')), '../bin/tsc');

/** How a program ended. */
export interface Finished {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** A program that runs. */
export interface Running {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Its output, line by line. */
  readonly lines: Interface;
  readonly finished: Promise<Finished>;
}

/**
 * The folder `notes` as the reader of the documents has it, in a home of its own: the snippets, and
 * `holdfast` installed, which is our sources, so that no build is needed. Programs in the home's
 * `bin` are found first.
 */
export class ReaderFolder {
  readonly home: string = mkdtempSync(join(tmpdir(), 'holdfast-readme-'));
  readonly path: string = join(this.home, 'notes');
  readonly env: NodeJS.ProcessEnv;

  constructor(snippets: readonly Snippet[]) {
    const path = `${join(this.home, 'bin')}:${process.env['PATH']}`;
    const { SSH_AUTH_SOCK: _, ...env } = process.env;
    this.env = { ...env, HOME: this.home, PATH: path };
    for (const folder of ['notes', 'bin', '.ssh']) mkdirSync(join(this.home, folder));
    for (const { file, code } of snippets) this.write(file, code);
    this.write('package.json', '{"type":"module"}');
    this.#installHoldfast(snippets.map(({ file }) => file));
    const main = join(root, 'lib/cli/main.ts');
    this.program('holdfast', `exec '${process.execPath}' --import '${tsx}' '${main}' "$@"`);
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.path, file), text);
  }

  /** A shell script that is found by its name. */
  program(name: string, script: string): void {
    writeFileSync(join(this.home, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  /** Checks the types of all snippets; gives what there is to say of them. */
  async check(): Promise<string> {
    const { code, output, errors } = await this.start(process.execPath, tsc).finished;
    return code === 0 ? '' : `${output}${errors}`;
  }

  /** Runs a snippet to its end. */
  run(file: string): Promise<Finished> {
    const { child, finished } = this.node(file);
    child.stdin.end();
    return finished;
  }

  /** Starts a snippet. */
  node(file: string): Running {
    return this.start(process.execPath, '--import', tsx, file);
  }

  /** Starts a program. */
  start(program: string, ...args: readonly string[]): Running {
    const child = spawn(program, args, { cwd: this.path, env: this.env });
    child.stdin.on('error', () => {});
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    const finished = once(child, 'close').then(([code]) => ({ code, output, errors }));
    return { child, lines: createInterface({ input: child.stdout }), finished };
  }

  remove(): void {
    rmSync(this.home, { recursive: true, force: true });
  }

  #installHoldfast(files: readonly string[]): void {
    const installed = join(this.path, 'node_modules/holdfast');
    mkdirSync(installed, { recursive: true });
    // The reader installs it too.
    symlinkSync(join(root, 'node_modules/tsx'), join(this.path, 'node_modules/tsx'));
    const sources = sourcesOf(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
    const exported: Record<string, string> = {};
    const paths: Record<string, string[]> = {};
    for (const [index, [name, source]] of sources.entries()) {
      const url = JSON.stringify(pathToFileURL(source));
      writeFileSync(join(installed, `${index}.ts`), `export * from ${url};`);
      exported[name] = `./${index}.ts`;
      paths[`holdfast${name.slice(1)}`] = [source];
    }
    const manifest = { name: 'holdfast', type: 'module', exports: exported };
    writeFileSync(join(installed, 'package.json'), JSON.stringify(manifest));
    const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'));
    const typeRoots = [join(root, 'node_modules/@types')];
    const options = { ...compilerOptions, types: ['node'], typeRoots, paths };
    this.write('tsconfig.json', JSON.stringify({ compilerOptions: options, files }));
  }
}

/** What can be imported from the package, and the file that it is made from. */
function sourcesOf(manifest: {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
}): [name: string, source: string][] {
  return Object.entries(manifest.exports).flatMap(([name, target]) => {
    if (typeof target === 'string') return [];
    const source = target.default.replace('./dist/', 'lib/').replace(/\.js$/, '.ts');
    return [[name, join(root, source)]];
  });
}
