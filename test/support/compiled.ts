import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tsc = join(
  dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin',
  'tsc',
);

/** A program that was compiled, in a folder of its own. */
export interface Compiled {
  /** For `node`. */
  readonly path: string;
  remove(): Promise<void>;
}

/**
 * Compiles a program of the tests, e.g. `./stdio-main.ts`: it then starts in a fraction of the time
 * that it takes otherwise, which counts where many of them are started and killed.
 *
 * @param others modules that it loads by themselves; they are at the same place beside it
 */
export async function compile(program: string, ...others: readonly string[]): Promise<Compiled> {
  const [source = '', ...more] = [program, ...others].map((file) =>
    fileURLToPath(new URL(file, import.meta.url)),
  );
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
  const modules = join(root, 'node_modules');
  const compilerOptions = {
    noEmit: false,
    rootDir: root,
    outDir: join(folder, 'out'),
    inlineSourceMap: true,
    noCheck: true,
    types: ['node'],
    typeRoots: [join(modules, '@types')],
  };
  const project = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions,
    files: [source, ...more],
    include: [],
  };
  await Promise.all([
    writeFile(join(folder, 'tsconfig.json'), JSON.stringify(project)),
    writeFile(join(folder, 'package.json'), '{ "type": "module" }'),
    symlink(modules, join(folder, 'node_modules')),
  ]);
  await promisify(execFile)(process.execPath, [tsc, '-p', folder]);
  return {
    path: join(folder, 'out', relative(root, source).replace(/\.ts$/, '.js')),
    remove: () => rm(folder, { recursive: true }),
  };
}
