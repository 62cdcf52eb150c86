import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { SshServer } from '../support/ssh-server.ts';
import { changeToOpenssh, listenForCommands, moveHost, startServer, Tool } from './far-end.ts';
import { ReaderFolder, type Running } from './reader-folder.ts';
import { promised, snippets, sshPage } from './readme.ts';

/** Processes of their own start, and load the whole library from its sources. */
const patienceMs = 60_000;

/** In place of ssh: the far end is this machine, and nobody is asked who he is. */
const standIn = `
while [ "$1" != -- ]; do [ "$1" = -G ] && exit 0; shift; done
echo $$ >>"$HOME/ssh.pids"
cd; exec sh -c "exec $3"`;

describe('Snippets for SSH', function () {
  this.timeout(patienceMs);

  let folder: ReaderFolder;
  let ssh: SshServer;
  let server: Running | undefined;
  let tool: Tool | undefined;

  beforeEach(async () => {
    folder = new ReaderFolder(snippets());
    folder.program('ssh', standIn);
    ssh = await listenForCommands(folder);
    folder.write('../.ssh/known_hosts', ssh.knownHosts());
  });

  afterEach(async () => {
    await tool?.end();
    await stop('SIGTERM');
    await ssh.close();
    folder.remove();
    tool = undefined;
  });

  async function stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    server?.child.kill(signal);
    await server?.finished;
    server = undefined;
  }

  /** Numbers of processes that a program of the folder has left. */
  function pids(name: string): number[] {
    return readFileSync(join(folder.home, `${name}.pids`), 'utf8')
      .trim()
      .split('\n')
      .map(Number);
  }

  for (const snippet of snippets().filter(({ file }) => ['ssh.ts', 'openssh.ts'].includes(file))) {
    it(`do what they say with README's server behind the bridge: ${snippet.file}`, async () => {
      const { code = '' } = snippets().find(({ file }) => file === 'server.ts') ?? {};
      folder.write('server.ts', code.replace('tcp://127.0.0.1:4155', 'unix:notes.sock'));
      server = await startServer(folder, 'server.ts');
      if (snippet.file === 'ssh.ts') moveHost(folder, 'ssh.ts', ssh.port);
      const finished = await folder.run(snippet.file);
      expect(finished).to.deep.equal({ code: 0, output: promised(snippet), errors: '' });
    });
  }

  for (const name of ['ssh', 'openssh']) {
    describe(`of the page, by ${name}`, () => {
      /** Breaks the connection, as seen from the near end. */
      function cut(): void {
        if (name === 'ssh') for (const socket of ssh.sockets) socket.destroy();
        else process.kill(pids('ssh').at(-1) as number, 'SIGKILL');
      }

      beforeEach(async () => {
        const [, change = ''] = /`(import \{ openssh as ssh \}[^`]*)`/.exec(sshPage) ?? [];
        if (name === 'openssh') changeToOpenssh(folder, change);
        else moveHost(folder, 'near.ts', ssh.port);
        server = await startServer(folder, 'far.ts');
        tool = new Tool(folder.node('near.ts'));
      });

      it('keep the session when the connection breaks', async () => {
        for (const [index, text] of ['tea', 'milk', 'bread'].entries()) {
          expect(await tool?.type(text)).to.equal(`${text} is note ${index + 1}`);
          cut();
        }
        const { code, errors } = (await tool?.end()) ?? { code: 1, errors: '' };
        expect(code).to.equal(0);
        expect(errors.match(/^reconnecting: /gm)).to.have.length.above(1);
      });

      it('wait for another server when theirs drains, or is killed', async () => {
        for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
          expect(await tool?.type('tea')).to.equal('tea is note 1');
          await stop(signal);
          const answer = tool?.type('milk');
          server = await startServer(folder, 'far.ts');
          expect(await answer).to.equal('milk is note 1');
          await stop(signal);
          server = await startServer(folder, 'far.ts');
        }
        expect(await tool?.end()).to.include({ code: 0 });
      });
    });
  }

  describe('of the page, with a server that is started on demand', () => {
    beforeEach(() => {
      const [script = ''] = /(?<=^```sh\n)#!.*?(?=^```$)/ms.exec(sshPage) ?? [];
      folder.program('notes-bridge', `echo $$ >>"$HOME/bridge.pids"\n${script}`);
      const { code = '' } = snippets().find(({ file }) => file === 'openssh.ts') ?? {};
      const bridge = 'holdfast bridge unix:notes/notes.sock';
      expect(code).to.include(bridge);
      folder.write('openssh.ts', code.replace(bridge, 'notes-bridge'));
      folder.program('node', `echo $$ >>"$HOME/node.pids"\nexec '${process.execPath}' "$@"`);
    });

    /** Every connection started a server; gives the one that runs when the others have ended. */
    async function lastServer(): Promise<number | undefined> {
      return eventually('servers have ended', () => {
        const running = pids('node').filter(isServer);
        const areAllThere = pids('node').length === pids('bridge').length;
        return areAllThere && running.length < 2 ? { value: running[0] } : undefined;
      });
    }

    it('start one, which outlives the connection and is found by the next', async () => {
      try {
        const first = await folder.run('openssh.ts');
        expect(first).to.deep.equal({ code: 0, output: '1\n', errors: '' });
        const server = await lastServer();
        expect(server).to.be.a('number');
        const second = await folder.run('openssh.ts');
        expect(second).to.deep.equal({ code: 0, output: '2\n', errors: '' });
        expect(await lastServer()).to.equal(server);
        const log = readFileSync(join(folder.path, 'far.log'), 'utf8');
        expect(log).to.include('ERR_HOLDFAST_LISTEN');
      } finally {
        const server = await lastServer();
        if (server !== undefined) {
          process.kill(server, 'SIGTERM');
          await eventually('the server has ended', () =>
            isServer(server) ? undefined : { value: true },
          );
        }
      }
    });
  });

  it('name a bridge that says why it cannot reach the server', async () => {
    const { child, finished } = folder.start('holdfast', 'bridge', 'unix:notes.sock');
    await once(child, 'exit');
    expect(await finished).to.include({ code: 1, output: '' });
    expect((await finished).errors).to.include('ENOENT');
  });
});

/** Whether a process, which is no child of ours, is a server. */
function isServer(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.includes('far.ts');
}

/** Of processes that are no children nothing is heard: they are looked at until it is so. */
async function eventually<Value>(
  what: string,
  look: () => { readonly value: Value } | undefined,
): Promise<Value> {
  for (let tries = 0; tries < 1_000; tries++) {
    const found = look();
    if (found !== undefined) return found.value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`Waited in vain until ${what}`);
}
