import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { selfSigned } from '../support/certificates.ts';
import { ReaderFolder } from './reader-folder.ts';
import { promised, readme, root, type Snippet, snippets } from './readme.ts';

/** A process of its own starts, and loads the whole library from its sources. */
const patienceMs = 30_000;

describe("README's snippets", function () {
  this.timeout(patienceMs);

  /** Those that need others, or a far end; see ssh.test.ts. */
  const together = ['verbs.ts', 'server.ts', 'client.ts', 'program.ts'];
  const remote = ['ssh.ts', 'openssh.ts', 'far.ts', 'near.ts'];
  /** Those that go on from process to process; see restarts.test.ts. */
  const restarting = ['restart.ts', 'notify.ts', 'launcher.ts', 'launched.ts'];
  /** Those that need a database; see once-page.test.ts and readme.system.ts. */
  const databases = ['sql.ts', 'fleet.ts'];
  /** Those of other pages; see protocol-page.test.ts. */
  const elsewhere = ['lines.ts'];
  const all = snippets();
  const isAlone = ({ file, code }: Snippet): boolean =>
    promised({ code }) !== '' && ![...remote, ...databases].includes(file);
  const alone = all.filter(isAlone);
  let folder: ReaderFolder;

  before(() => {
    folder = new ReaderFolder(all);
    // In place of the command that README shows; that is run by the system tests.
    const { cert, key } = selfSigned({ addresses: ['127.0.0.1'] });
    folder.write('cert.pem', cert);
    folder.write('key.pem', key);
  });

  after(() => folder.remove());

  it('have names of their own and are of correct types', async () => {
    expect(new Set(all.map(({ file }) => file)).size).to.equal(all.length);
    expect(await folder.check()).to.equal('');
  });

  it('show a server and a client that work together, and a server that drains', async () => {
    const address = 'tcp://127.0.0.1:4155';
    const move = (file: string, url: string): void => {
      const { code = '' } = all.find((snippet) => snippet.file === file) ?? {};
      expect(code).to.include(address);
      folder.write(file, code.replace(address, url));
    };
    move('server.ts', 'tcp://127.0.0.1:0');
    const server = folder.node('server.ts');
    try {
      const [line] = (await once(server.lines, 'line')) as [string];
      const [, url = ''] = /^listening at (tcp:.*)$/.exec(line) ?? [];
      move('client.ts', url);
      expect(await folder.run('client.ts')).to.deep.equal({
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
      const finished = await folder.run(snippet.file);
      expect(finished).to.deep.equal({ code: 0, output: promised(snippet), errors: '' });
    });
  }

  it('are all run', () => {
    const names = alone.map(({ file }) => file);
    const run = [...together, ...remote, ...restarting, ...databases, ...elsewhere, ...names];
    expect(all.map(({ file }) => file)).to.have.members(run);
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
