import { execFileSync } from 'node:child_process';
import { spreadOf } from '../harness/figures.ts';

/** What it takes to load a library. */
export interface StartUp {
  readonly library: string;
  readonly milliseconds: number;
  /** Modules beside those of Node. */
  readonly modules: number;
}

const tries = 7;

/** Runs in a process of its own and prints the figures; a debugger's session hears of each script. */
const probe = `
const { Session } = await import('node:inspector');
const { performance } = await import('node:perf_hooks');
const [library, counts] = process.argv.slice(1);
let modules = 0;
if (counts === 'yes') {
  const session = new Session();
  session.connect();
  session.on('Debugger.scriptParsed', ({ params }) => {
    if (/^(file:|\\/)/.test(params.url)) modules++;
  });
  session.post('Debugger.enable');
}
const startMs = performance.now();
await import(library);
console.log(JSON.stringify({ milliseconds: performance.now() - startMs, modules }));
`;

/** Loads a library in fresh processes, from the folder where it is installed. */
export function startUpOf(library: string, folder: URL): StartUp {
  const run = (counts: 'yes' | 'no'): StartUp => {
    const args = ['--input-type=module', '--eval', probe, library, counts];
    return JSON.parse(execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' }));
  };
  const times = Array.from({ length: tries }, () => run('no').milliseconds);
  return { library, milliseconds: spreadOf(times).median, modules: run('yes').modules };
}
