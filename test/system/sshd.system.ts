import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import {
  type Client,
  type ClientOptions,
  connect,
  type Medium,
  type Server,
  type StateEvent,
  serve,
} from '../../lib/index.ts';
import { openssh } from '../../lib/media/openssh.ts';
import { type SshTarget, ssh } from '../../lib/media/ssh.ts';
import { failureOf } from '../support/failure.ts';
import { needPrograms } from '../support/programs.ts';
import { Sshd } from '../support/sshd.ts';
import { expectTruth, toldOf } from '../support/truth.ts';
import { Executions, verbs } from '../support/verbs.ts';

const joiner = fileURLToPath(new URL('../support/join-socket.mjs', import.meta.url));

/** What a scene may change. */
interface Place {
  readonly key?: 'user' | 'stranger';
  readonly knownHosts?: string;
  readonly command?: string;
  readonly keepaliveMs?: number;
  /** More lines of the configuration of the system's ssh. */
  readonly config?: string;
}

const media = ['ssh', 'ssh+unix', 'ssh+tcp', 'openssh'] as const;
const classes = ['read', 'once', 'mutate'] as const;

describe('Through a real sshd', () => {
  let sshd: Sshd;
  let server: Server;
  let executions: Executions;
  let clients: Client<typeof verbs>[];
  /** Called when a handler begins; its reply waits for what is returned. */
  let onExecution: (name: string) => unknown;

  before(function () {
    needPrograms(this, 'sshd', 'ssh', 'ssh-keygen');
  });

  beforeEach(async () => {
    sshd = await Sshd.start();
    executions = new Executions();
    clients = [];
    onExecution = () => {};
    const run = async (name: string): Promise<string> => {
      const reply = executions.note(name);
      await onExecution(name);
      return reply;
    };
    const handlers = { read: run, idempotent: run, semi: run, once: run, mutate: run };
    const listen = [`unix:${sshd.path('socket')}`, 'tcp://127.0.0.1:0'];
    server = await serve(verbs, handlers, { listen });
  });

  afterEach(async () => {
    for (const client of clients) client.destroy();
    await Promise.all(clients.map(({ closed }) => closed));
    await server.close();
    await sshd.stop();
  });

  async function mediumFor(name: (typeof media)[number], place: Place = {}): Promise<Medium> {
    const { key = 'user', knownHosts = await sshd.knownHosts(), keepaliveMs } = place;
    const command = place.command ?? `'${process.execPath}' '${joiner}' '${sshd.path('socket')}'`;
    const file = sshd.path('known_hosts');
    await writeFile(file, knownHosts);
    const keepalive = keepaliveMs === undefined ? {} : { keepaliveMs, keepaliveCount: 1 };
    const common = { host: '127.0.0.1', port: sshd.port, user: sshd.user, ...keepalive };
    if (name === 'openssh') {
      const configFile = sshd.path('ssh_config');
      await writeFile(configFile, sshConfig(place, key));
      return openssh({ ...common, command, configFile });
    }
    const { port } = new URL(server.urls[1] as string);
    const targets: Readonly<Record<string, SshTarget>> = {
      'ssh+unix': { path: sshd.path('socket') },
      'ssh+tcp': { host: '127.0.0.1', port: Number(port) },
    };
    const forwardTo = targets[name];
    const options = {
      ...common,
      privateKeyFile: sshd.path(key),
      knownHostsFiles: file,
    };
    return ssh(forwardTo === undefined ? { ...options, command } : { ...options, forwardTo });
  }

  function sshConfig({ config = '' }: Place, key: string): string {
    return `${config}
Host *
  IdentityFile ${sshd.path(key)}
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile ${sshd.path('known_hosts')}
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
`;
  }

  function open(medium: Medium, options: ClientOptions = {}): Client<typeof verbs> {
    const client = connect(medium, verbs, { reconnectBaseMs: 5, reconnectCapMs: 50, ...options });
    clients.push(client);
    return client;
  }

  /** Resolves when the link is gone, with the reason. */
  function lost(client: Client<typeof verbs>): Promise<Error | undefined> {
    return new Promise((resolve) => {
      const listen = ({ previous, reason }: StateEvent): void => {
        if (previous !== 'ready') return;
        client.off('state', listen);
        resolve(reason);
      };
      client.on('state', listen);
    });
  }

  /** Every handler that begins waits, until the test lets all of them go on. */
  function holdHandlers(): { begun(): Promise<void>; release(): void } {
    let release: () => void = () => {};
    let notify: () => void = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const begun = new Promise<void>((resolve) => {
      notify = resolve;
    });
    onExecution = () => {
      notify();
      return released;
    };
    return { begun: () => begun, release };
  }

  for (const name of media) {
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
        for (let round = 0; round < 5; round++) {
          await client.call.read(`first ${round}`);
          const gone = lost(client);
          expect(sshd.killSessions()).to.be.above(0);
          const reason = await gone;
          expect(reason?.message).to.match(/was lost|lost the connection to/);
          expect(await client.call.mutate(`${round}`)).to.equal(`done ${round}`);
          expect(executions.of(`${round}`)).to.equal(1);
        }
      });

      for (const safety of classes) {
        it(`tells the truth of a ${safety} call that runs when its sshd is killed`, async () => {
          const client = open(await mediumFor(name));
          const handlers = holdHandlers();
          const told = toldOf(safety, 'running', client.call[safety]('running'));
          await handlers.begun();
          const gone = lost(client);
          sshd.killSessions();
          await gone;
          handlers.release();
          const one = await told;
          expectTruth(one, executions);
          // The server lives on: it can be asked what became of a call.
          expect(one.error, String(one.error)).to.equal(undefined);
          if (safety !== 'read') expect(executions.of('running')).to.equal(1);
        });
      }

      it('costs no call when its sshd is stopped while it is idle: the keepalive finds it', async () => {
        const client = open(await mediumFor(name, { keepaliveMs: 1_000 }));
        await client.call.read('first');
        const gone = lost(client);
        for (const pid of sshd.sessions()) process.kill(pid, 'SIGSTOP');
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
        const gone = lost(client);
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
      const error = await failureOf(client.call.mutate('x', { timeoutMs: 1_500 }));
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
    /** The local ssh of this test, told by its configuration file. */
    function localSsh(): number {
      const listed = execFileSync('ps', ['-e', '-o', 'pid=,args='], { encoding: 'utf8' });
      const line = listed
        .split('\n')
        .find((one) => one.includes(sshd.path('ssh_config')) && !one.includes(' -M '));
      return Number(line?.trim().split(' ')[0]);
    }

    it('costs no call when the local ssh is killed while it is idle', async () => {
      const client = open(await mediumFor('openssh'));
      await client.call.read('first');
      const gone = lost(client);
      process.kill(localSsh(), 'SIGKILL');
      expect((await gone)?.message).to.include('was killed by SIGKILL');
      expect(await client.call.mutate('second')).to.equal('done second');
      expect(executions.of('second')).to.equal(1);
    });

    it('costs no call when the local ssh is stopped: verified before an unsafe call', async () => {
      const options = { verifyAfterMs: 0, heartbeatTimeoutMs: 500 };
      const client = open(await mediumFor('openssh'), options);
      await client.call.read('first');
      const pid = localSsh();
      process.kill(pid, 'SIGSTOP');
      expect(await client.call.mutate('second')).to.equal('done second');
      expect(executions.of('second')).to.equal(1);
      while (isThere(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
    });

    it('reaches a host through another (ProxyJump)', async () => {
      const config = `Host near\n  HostName 127.0.0.1\n  Port ${sshd.port}\nHost far\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  ProxyJump near\n`;
      await mediumFor('openssh', { config });
      const { port } = sshd;
      const command = `'${process.execPath}' '${joiner}' '${sshd.path('socket')}'`;
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
          const gone = lost(client);
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

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
