import { execFileSync } from 'node:child_process';
import { expect } from 'chai';

/** Prints the modules of lib/ that are loaded when holdfast is; a debugger's session hears of each. */
const probe = `
  const { Session } = await import('node:inspector');
  const loaded = [];
  const session = new Session();
  session.connect();
  session.on('Debugger.scriptParsed', ({ params }) => loaded.push(params.url));
  session.post('Debugger.enable');
  await import(process.argv[1]);
  console.log(JSON.stringify(loaded.map((url) => /\\/lib\\/(.*)\\.ts$/.exec(url)?.[1]).filter(Boolean)));
`;

/** What is loaded by those who use it: the beginnings of the modules' names. */
const later = [
  'cli/',
  'completions/lmdb',
  'completions/redis',
  'handover/pass-on',
  'handover/spawn-successor',
  'media/openssh',
  'media/pipe',
  'media/ssh',
  'media/stdio',
  'media/tls',
  'observe/opentelemetry',
  'protocols/bzr/',
  'server/server',
  'server/start-serving',
  'server/session',
  'testing/',
];

describe('the main module', () => {
  it('loads all that a client needs, and no media, servers or stores that nobody asked for', function () {
    this.timeout(20_000);
    const lib = new URL('../lib/index.ts', import.meta.url).href;
    const args = ['--import', import.meta.resolve('tsx'), '--input-type=module'];
    const output = execFileSync(process.execPath, [...args, '--eval', probe, lib]);
    const loaded = JSON.parse(output.toString()) as string[];
    expect(loaded).to.include.members(['index', 'client/client', 'media/tcp', 'handover/serve']);
    const isLater = (name: string): boolean => later.some((start) => name.startsWith(start));
    expect(loaded.filter(isLater)).to.deep.equal([]);
  });
});
