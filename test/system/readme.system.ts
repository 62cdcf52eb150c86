import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { changeToOpenssh, moveHost, startServer, Tool } from '../readme/far-end.ts';
import { ReaderFolder, type Running } from '../readme/reader-folder.ts';
import { mediaPage, promised, snippets, sshPage } from '../readme/readme.ts';
import { find, needPrograms } from '../support/programs.ts';
import { Sshd } from '../support/sshd.ts';

const files = ['ssh.ts', 'openssh.ts'] as const;

describe('Snippets of the documents, through a real sshd', () => {
  let sshd: Sshd;
  let folder: ReaderFolder;
  let server: Running | undefined;
  let tool: Tool | undefined;

  before(function () {
    needPrograms(this, 'sshd', 'ssh', 'ssh-keygen');
  });

  beforeEach(async () => {
    sshd = await Sshd.start();
    folder = new ReaderFolder(snippets());
    folder.write('../.ssh/known_hosts', await sshd.knownHosts());
    copyFileSync(sshd.path('user'), join(folder.home, '.ssh/id_ed25519'));
    // The home of commands is that of the account that runs the tests; here it is the folder's.
    const path = `${join(folder.home, 'bin')}:$PATH`;
    const enter = `export HOME='${folder.home}' PATH="${path}"; cd`;
    folder.program('far-shell', `${enter}; exec sh -c "$SSH_ORIGINAL_COMMAND"`);
    authorize(`command="${join(folder.home, 'bin/far-shell')}"`);
    const config = `Host build.example
  HostName 127.0.0.1
  Port ${sshd.port}
  IdentityFile ${join(folder.home, '.ssh/id_ed25519')}
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile ${join(folder.home, '.ssh/known_hosts')}
  GlobalKnownHostsFile none
`;
    folder.write('../.ssh/config', config);
    folder.program('ssh', `exec '${find('ssh')}' -F '${folder.home}/.ssh/config' "$@"`);
  });

  afterEach(async () => {
    await tool?.end();
    server?.child.kill('SIGTERM');
    await server?.finished;
    await sshd.stop();
    folder.remove();
    tool = undefined;
    server = undefined;
  });

  /** Says what the user's key may do. */
  function authorize(options: string): void {
    const file = sshd.path('user.pub');
    const key = /ssh-ed25519 \S+/.exec(readFileSync(file, 'utf8'));
    writeFileSync(file, `${options} ${key}\n`);
  }

  async function startReadmesServer(): Promise<Running> {
    const { code = '' } = snippets().find(({ file }) => file === 'server.ts') ?? {};
    folder.write('server.ts', code.replace('tcp://127.0.0.1:4155', 'unix:notes.sock'));
    return startServer(folder, 'server.ts');
  }

  function expectPromised(file: string, finished: unknown): void {
    const snippet = snippets().find((one) => one.file === file);
    const output = promised(snippet ?? { code: '' });
    expect(finished).to.deep.equal({ code: 0, output, errors: '' });
  }

  for (const file of files) {
    it(`do what they say: ${file}`, async () => {
      server = await startReadmesServer();
      if (file === 'ssh.ts') moveHost(folder, file, sshd.port);
      expectPromised(file, await folder.run(file));
    });
  }

  it('reach the server by forwarding as well, without a bridge', async () => {
    server = await startReadmesServer();
    const { code = '' } = snippets().find(({ file }) => file === 'ssh.ts') ?? {};
    expect(sshPage).to.include('`ssh+unix://build.example/home/me/notes/notes.sock`');
    const url = `ssh+unix://127.0.0.1:${sshd.port}${folder.path}/notes.sock`;
    folder.write('ssh.ts', code.replace(/ssh:[^`]*/, url));
    expectPromised('ssh.ts', await folder.run('ssh.ts'));
  });

  it('work with a key that may do nothing but run the bridge', async () => {
    const [, options = ''] = /^(restrict,command=".*") ssh-ed25519 AAAA…$/m.exec(sshPage) ?? [];
    const bridge = 'holdfast bridge unix:notes/notes.sock';
    expect(options).to.include(bridge);
    authorize(options.replace(bridge, `cd ${folder.home} && bin/${bridge}`));
    server = await startReadmesServer();
    expectPromised('openssh.ts', await folder.run('openssh.ts'));
  });

  for (const file of files) {
    it(`never lose the session of the page's tool, by ${file}`, async () => {
      const [, change = ''] = /`(import \{ openssh as ssh \}[^`]*)`/.exec(sshPage) ?? [];
      if (file === 'openssh.ts') changeToOpenssh(folder, change);
      else moveHost(folder, 'near.ts', sshd.port);
      server = await startServer(folder, 'far.ts');
      tool = new Tool(folder.node('near.ts'));
      expect(await tool.type('tea')).to.equal('tea is note 1');
      expect(sshd.killSessions()).to.equal(1);
      expect(await tool.type('milk')).to.equal('milk is note 2');
      const pids = sshd.sessions();
      await sshd.leave();
      expect(await tool.type('bread')).to.equal('bread is note 3');
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      const answer = tool.type('salt');
      await sshd.listen();
      expect(await answer).to.equal('salt is note 4');
      const { code, errors } = await tool.end();
      expect(code).to.equal(0);
      expect(errors.match(/^reconnecting: /gm)).to.have.length.above(1);
    });
  }
});

describe("README's way to make a certificate", () => {
  before(function () {
    needPrograms(this, 'openssl');
  });

  it('makes one that its snippet works with', async () => {
    const folder = new ReaderFolder(snippets());
    try {
      const [line = ''] = /^openssl .*$/m.exec(mediaPage) ?? [];
      const made = await folder.start('/bin/sh', '-c', line).finished;
      expect(made.code, made.errors).to.equal(0);
      const output = "[ 'honey' ]\n";
      const finished = await folder.run('tls.ts');
      expect(finished).to.deep.equal({ code: 0, output, errors: '' });
    } finally {
      folder.remove();
    }
  });
});
