import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { expect } from 'chai';
import {
  type Client,
  type ClientOptions,
  connect,
  type Medium,
  type Server,
  serve,
} from '../../lib/index.ts';
import { openssh } from '../../lib/media/openssh.ts';
import { ssh } from '../../lib/media/ssh.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import { failureOf } from '../support/failure.ts';
import { lostLink } from '../support/lost-link.ts';
import { needPrograms } from '../support/programs.ts';
import { type Place, type SshMedium, sshMedia, sshMedium } from '../support/ssh-scene.ts';
import { Sshd } from '../support/sshd.ts';
import { Executions, verbs } from '../support/verbs.ts';

const classes = ['read', 'once', 'mutate'] as const;

describe('Through a real sshd', () => {
  let sshd: Sshd;
  let server: Server;
  let executions: Executions;
  let clients: Client<typeof verbs>[];
  let cli: Compiled;

  before(async function () {
    needPrograms(this, 'sshd', 'ssh', 'ssh-keygen', 'ps');
    cli = await compile('../../lib/cli/main.ts');
  });

  after(() => cli?.remove());

  beforeEach(async () => {
    sshd = await Sshd.start();
    executions = new Executions();
    clients = [];
    const listen = [`unix:${sshd.path('socket')}`, 'tcp://127.0.0.1:0'];
    server = await serve(verbs, executions.handlers(), { listen });
  });

  afterEach(async () => {
    for (const client of clients) client.destroy();
    await Promise.all(clients.map(({ closed }) => closed));
    await server.close();
    await sshd.stop();
  });

  function mediumFor(name: SshMedium, place: Place = {}): Promise<Medium> {
    const socket = sshd.path('socket');
    const command = `'${process.execPath}' '${cli.path}' bridge unix:${socket}`;
    const { port } = new URL(server.urls[1] as string);
    return sshMedium(sshd, name, { socket, command, port: Number(port), ...place });
  }

  function open(medium: Medium, options: ClientOptions = {}): Client<typeof verbs> {
    const client = connect(medium, verbs, { reconnectBaseMs: 5, reconnectCapMs: 50, ...options });
    clients.push(client);
    return client;
  }

  for (const name of sshMedia) {
    describe(`by ${name}`, () => {
      it('makes calls of each class, each executed once', async () => {
        const client = open(await mediumFor(name));
        for (const safety of classes) {
          expect(await client.call[safety](safety)).to.equal(`done ${safety}`);
          expect(executions.of(safety)).to.equal(1);
        }
        await client.close();
      });

      it('carries many calls at once', async () => {
        const client = open(await mediumFor(name));
        const names = Array.from({ length: 500 }, (_, index) => `call ${index}`);
        const replies = await Promise.all(names.map((one) => client.call.mutate(one)));
        expect(replies).to.deep.equal(names.map((one) => `done ${one}`));
        expect(executions.total).to.equal(500);
      });

      it('fails for good with a key that the server does not know', async () => {
        const client = open(await mediumFor(name, { key: 'stranger' }));
        const error = await failureOf(client.call.mutate('x'));
        expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', outcome: 'not-executed' });
        expect(error.message).to.match(
          /Authentication failed at|was not let in by .*Permission denied/,
        );
      });

      it('fails for good when the host is not known', async () => {
        const client = open(await mediumFor(name, { knownHosts: '' }));
        const error = await failureOf(client.call.mutate('x'));
        expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', outcome: 'not-executed' });
        expect(error.message).to.match(/is not known in|does not trust the host key of/);
      });

      it('fails for good when the host key has changed, and says where the old one is', async () => {
        const knownHosts = `# first\n${await sshd.knownHosts('other-host')}`;
        const client = open(await mediumFor(name, { knownHosts }));
        const error = await failureOf(client.call.mutate('x'));
        expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', outcome: 'not-executed' });
        expect(error.message).to.match(/known_hosts( line |:)2/);
        expect(executions.total).to.equal(0);
      });

      it('costs no call when its sshd is killed while it is idle', async () => {
        const client = open(await mediumFor(name));
        for (let round = 0; round < 3; round++) {
          await client.call.read(`first ${round}`);
          const gone = lostLink(client);
          expect(sshd.killSessions()).to.be.above(0);
          const reason = await gone;
          expect(reason?.message).to.match(/was lost|lost the connection to/);
          expect(await client.call.mutate(`${round}`)).to.equal(`done ${round}`);
          expect(executions.of(`${round}`)).to.equal(1);
        }
      });

      it('costs no call when its sshd is stopped while it is idle: the keepalive finds it', async () => {
        // The system's ssh counts whole seconds.
        const keepaliveMs = name === 'openssh' ? 1_000 : 300;
        const client = open(await mediumFor(name, { keepaliveMs }));
        await client.call.read('first');
        const gone = lostLink(client);
        sshd.stopSessions();
        expect((await gone)?.message).to.match(
          /Nothing was heard from|got no sign of life any more/,
        );
        expect(await client.call.mutate('second')).to.equal('done second');
        expect(executions.of('second')).to.equal(1);
      });

      it('does not notice that sshd is restarted, and finds the new one when it must', async () => {
        const client = open(await mediumFor(name));
        await client.call.read('first');
        const pids = sshd.sessions();
        expect(pids).to.have.length(1);
        await sshd.leave();
        expect(await client.call.mutate('while it is gone')).to.equal('done while it is gone');
        const gone = lostLink(client);
        for (const pid of pids) process.kill(pid, 'SIGKILL');
        await gone;
        const call = client.call.mutate('while nobody listens');
        await once(client as unknown as NodeJS.EventEmitter, 'reconnecting');
        await sshd.listen();
        expect(await call).to.equal('done while nobody listens');
        expect(executions.of('while nobody listens')).to.equal(1);
      });
    });
  }

  for (const name of ['ssh', 'openssh'] as const) {
    it(`says over ${name} that the command was not found, for good`, async () => {
      const client = open(await mediumFor(name, { command: 'no-such-holdfast --stdio' }));
      const error = await failureOf(client.call.mutate('x'));
      expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', outcome: 'not-executed' });
      expect(error.message)
        .to.include('was not found (exit code 127)')
        .and.include('no-such-holdfast');
    });

    it(`says over ${name} with which code the command ended and what it said`, async () => {
      const client = open(await mediumFor(name, { command: 'echo out of cheese >&2; exit 3' }));
      // A busy machine takes a second for the handshake alone.
      const error = await failureOf(client.call.mutate('x', { timeoutMs: 4_000 }));
      expect(`${error.message}: ${(error.cause as Error).message}`).to.match(
        /exited with code 3: out of cheese/,
      );
    });
  }

  for (const name of ['ssh+unix', 'ssh+tcp'] as const) {
    it(`says over ${name} that nobody listens behind the server`, async () => {
      const medium = await mediumFor(name);
      await server.close();
      const error = await failureOf(medium.dial(new AbortController().signal));
      expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: false });
      expect(error.message).to.include('refused the forwarding: it cannot connect there');
    });
  }

  it('is added to the known hosts by accept-new, in words that the system’s ssh reads', async () => {
    const knownHostsFiles = sshd.path('known_hosts');
    const client = open(
      ssh({
        host: '127.0.0.1',
        port: sshd.port,
        user: sshd.user,
        privateKeyFile: sshd.path('user'),
        forwardTo: { path: sshd.path('socket') },
        knownHostsFiles,
        unknownHost: 'accept-new',
      }),
    );
    await client.call.read('x');
    const args = ['-F', `[127.0.0.1]:${sshd.port}`, '-f', knownHostsFiles];
    const found = execFileSync('ssh-keygen', args, { encoding: 'utf8' });
    expect(found).to.include('ssh-ed25519');
  });

  describe('by the system’s ssh alone', () => {
    it('reaches a host through another (ProxyJump)', async () => {
      const config = `Host near\n  HostName 127.0.0.1\n  Port ${sshd.port}\nHost far\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  ProxyJump near\n`;
      await mediumFor('openssh', { config });
      const { port } = sshd;
      const command = `'${process.execPath}' '${cli.path}' bridge unix:${sshd.path('socket')}`;
      const configFile = sshd.path('ssh_config');
      const client = open(openssh({ host: 'far', user: sshd.user, command, configFile }));
      expect(await client.call.mutate('x'), `port ${port}`).to.equal('done x');
      await client.close();
    });

    describe('with a control master', () => {
      let master: ChildProcess;

      beforeEach(async () => {
        const medium = await mediumFor('openssh', {
          config: `ControlPath ${sshd.path('control')}\n`,
        });
        expect(medium.address).to.include('openssh://');
        const place = ['-p', String(sshd.port), `${sshd.user}@127.0.0.1`];
        const args = ['-F', sshd.path('ssh_config'), '-M', '-N', '-T', ...place];
        master = spawn('ssh', args, { stdio: 'ignore' });
        while (!existsSync(sshd.path('control'))) {
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      });

      afterEach(async () => {
        if (master.exitCode !== null || master.signalCode !== null) return;
        const exited = once(master, 'exit');
        master.kill('SIGKILL');
        await exited;
      });

      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        it(`uses it, and costs no call when it ends by ${signal}`, async () => {
          const config = `ControlPath ${sshd.path('control')}\n`;
          const client = open(await mediumFor('openssh', { config }));
          await client.call.read('first');
          expect(sshd.sessions(), 'connections').to.have.length(1);
          const gone = lostLink(client);
          master.kill(signal);
          const reason = await gone;
          expect(reason).to.include({ code: 'ERR_HOLDFAST_LOST', final: false });
          expect(await client.call.mutate('second')).to.equal('done second');
          expect(executions.of('second')).to.equal(1);
        });
      }
    });
  });
});
