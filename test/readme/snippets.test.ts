import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { readme, root, type Snippet, snippets } from './readme.ts';

/** A process of its own starts, and loads the whole library from its sources. */
const patienceMs = 30_000;

const tsx = import.meta.resolve('tsx');
const tsc = join(fileURLToPath(import.meta.resolve('typescript/package.json')), '../bin/tsc');
const index = join(root, 'lib/index.ts');

interface Finished {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** What a snippet prints, by the comments behind its `console.log`s. */
function promised({ code }: Snippet): string {
  const lines = [...code.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)];
  return lines.map(([, line]) => `${line}\n`).join('');
}

describe("README's snippets", function () {
  this.timeout(patienceMs);

  const all = snippets();
  const alone = all.filter(({ code }) => promised({ file: '', code }) !== '');
  let folder = '';

  function run(...args: string[]): {
    child: ReturnType<typeof spawn>;
    finished: Promise<Finished>;
  } {
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    const finished = once(child, 'close').then(([code]) => ({ code, output, errors }));
    return { child, finished };
  }

  /** A folder as its reader has it, where `holdfast` means our sources: no build is needed. */
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-readme-'));
    for (const { file, code } of all) writeFileSync(join(folder, file), code);
    const installed = join(folder, 'node_modules/holdfast');
    mkdirSync(installed, { recursive: true });
    const manifest = { name: 'holdfast', type: 'module', exports: './index.ts' };
    writeFileSync(join(installed, 'package.json'), JSON.stringify(manifest));
    writeFileSync(
      join(installed, 'index.ts'),
      `export * from ${JSON.stringify(pathToFileURL(index))};`,
    );
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'));
    const options = {
      ...compilerOptions,
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
      paths: { holdfast: [index] },
    };
    const config = { compilerOptions: options, files: all.map(({ file }) => file) };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  });

  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('have names of their own and are of correct types', async () => {
    expect(new Set(all.map(({ file }) => file)).size).to.equal(all.length);
    const { code, output } = await run(tsc).finished;
    expect(output).to.equal('');
    expect(code).to.equal(0);
  });

  it('show a server and a client that work together, and a server that drains', async () => {
    const address = 'tcp://127.0.0.1:4155';
    const move = (file: string, url: string): void => {
      const { code = '' } = all.find((snippet) => snippet.file === file) ?? {};
      expect(code).to.include(address);
      writeFileSync(join(folder, file), code.replace(address, url));
    };
    move('server.ts', 'tcp://127.0.0.1:0');
    const server = run('--import', tsx, 'server.ts');
    try {
      const lines = createInterface({ input: server.child.stdout as NodeJS.ReadableStream });
      const [line] = (await once(lines, 'line')) as [string];
      const [, url = ''] = /^listening at (tcp:.*)$/.exec(line) ?? [];
      move('client.ts', url);
      expect(await run('--import', tsx, 'client.ts').finished).to.deep.equal({
        code: 0,
        output: 'tea is note 1\nmilk is note 2\n2 notes\n',
        errors: '',
      });
    } finally {
      server.child.kill('SIGTERM');
      await server.finished;
    }
    expect(await server.finished).to.include({ code: 0, errors: '' });
  });

  for (const snippet of alone) {
    it(`do what they say: ${snippet.file}`, async () => {
      const finished = await run('--import', tsx, snippet.file).finished;
      expect(finished).to.deep.equal({ code: 0, output: promised(snippet), errors: '' });
    });
  }

  it('are all run', () => {
    const together = ['verbs.ts', 'server.ts', 'client.ts'];
    expect(all.map(({ file }) => file)).to.have.members([
      ...together,
      ...alone.map(({ file }) => file),
    ]);
  });
});

describe("README's commands", () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

  it('are scripts of the package', () => {
    const names = [...readme.matchAll(/npm run ([a-z:]+)/g)].map(([, name]) => name);
    expect(names).to.include('demo');
    for (const name of names) expect(manifest.scripts).to.have.property(name as string);
    expect(manifest.scripts).to.have.property('test');
  });

  it('name the file that npm pack makes', () => {
    expect(readme).to.include(`/holdfast-${manifest.version}.tgz `);
    const files = [...readme.matchAll(/holdfast-[\d.]+\.tgz/g)].map(([file]) => file);
    expect(new Set(files).size).to.equal(1);
  });

  it('name the oldest Node.js that the package takes', () => {
    const oldest = manifest.engines.node.replace('>=', '').replace(/\.0$/, '');
    expect(readme).to.include(`Node.js ${oldest} and later`);
  });
});
