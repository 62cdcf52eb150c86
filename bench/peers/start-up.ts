import { execFileSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { type Spread, spreadOf } from '../harness/figures.ts';

/** What it takes to load a library. */
export interface StartUp {
  readonly library: string;
  /** By how much a process that loads it takes longer, from its start to its end. */
  readonly milliseconds: Spread;
  /** Modules beside those of Node. */
  readonly modules: number;
}

/** A library, and the folder where it is installed. */
export interface Installed {
  readonly library: string;
  readonly folder: URL;
}

const tries = 15;

/**
 * Loads each library in fresh processes, interleaved with processes that load nothing: what those
 * take is subtracted in each round.
 */
export function startUps(all: readonly Installed[]): StartUp[] {
  const times = all.map((): number[] => []);
  for (let round = 0; round < tries; round++) {
    const nothingMs = lifeMs('', new URL(import.meta.url));
    all.forEach(({ library, folder }, index) => {
      times[index]?.push(lifeMs(`import ${JSON.stringify(library)};`, folder) - nothingMs);
    });
  }
  return all.map(({ library, folder }, index) => ({
    library,
    milliseconds: spreadOf(times[index] ?? []),
    modules: modulesOf(library, folder),
  }));
}

/** The life of a process that does this. */
function lifeMs(code: string, folder: URL): number {
  const startMs = performance.now();
  run(folder, code);
  return performance.now() - startMs;
}

/** A debugger's session hears of each script. */
const counting = `
const { Session } = await import('node:inspector');
let modules = 0;
const session = new Session();
session.connect();
session.on('Debugger.scriptParsed', ({ params }) => {
  if (/^(file:|\\/)/.test(params.url)) modules++;
});
session.post('Debugger.enable');
await import(process.argv[1]);
console.log(modules);
`;

function modulesOf(library: string, folder: URL): number {
  return Number(run(folder, counting, library));
}

function run(folder: URL, code: string, ...args: readonly string[]): string {
  const all = ['--input-type=module', '--eval', code, ...args];
  return execFileSync(process.execPath, all, { cwd: new URL('.', folder), encoding: 'utf8' });
}
