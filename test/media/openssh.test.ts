import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type Channel, type Client, connect, type Server, serve } from '../../lib/index.ts';
import { type OpensshOptions, openssh } from '../../lib/media/openssh.ts';
import { failureOf } from '../support/failure.ts';
import { Recorder, settled } from '../support/recorder.ts';
import { Executions, verbs } from '../support/verbs.ts';

const fake = fileURLToPath(new URL('../support/fake-ssh.mjs', import.meta.url));

/** One start of the program, as it wrote it down. */
interface Start {
  readonly pid: number;
  readonly args: readonly string[];
}

describe('The system’s ssh', () => {
  let folder: string;
  let log: string;
  let server: Server | undefined;
  let clients: Client<typeof verbs>[];
  let executions: Executions;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    log = join(folder, 'log');
    clients = [];
    executions = new Executions();
  });

  afterEach(async () => {
    for (const client of clients) client.destroy();
    await Promise.all(clients.map(({ closed }) => closed));
    await server?.close();
    server = undefined;
    for (const { pid } of await starts()) await gone(pid);
    await rm(folder, { recursive: true });
  });

  function optionsFor(extra: Partial<OpensshOptions> = {}, config = ''): OpensshOptions {
    const env = { ...process.env, FAKE_SSH_LOG: log, FAKE_SSH_CONFIG: config };
    return { host: 'good', command: 'cat', program: process.execPath, args: [fake], env, ...extra };
  }

  function dial(extra?: Partial<OpensshOptions>, config?: string): Promise<Channel> {
    return openssh(optionsFor(extra, config)).dial(new AbortController().signal);
  }

  function open(extra?: Partial<OpensshOptions>): Client<typeof verbs> {
    const medium = openssh(optionsFor(extra));
    const client = connect(medium, verbs, { reconnectBaseMs: 1, reconnectCapMs: 10 });
    clients.push(client);
    return client;
  }

  async function listen(): Promise<string> {
    const path = join(folder, 'socket');
    server = await serve(verbs, executions.handlers(), { listen: `unix:${path}` });
    return `join ${path}`;
  }

  async function starts(): Promise<Start[]> {
    const text = await readFile(log, 'utf8').catch(() => '');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Start);
  }

  /** Those that were not only asked about the configuration. */
  async function connects(): Promise<Start[]> {
    return (await starts()).filter(({ args }) => !args.includes('-G'));
  }

  /** Resolves when the process is there no more, not even as a zombie. */
  async function gone(pid: number): Promise<void> {
    while (isThere(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  describe('is started', () => {
    it('with its defaults, and never asks', async () => {
      const user = new Recorder(await dial());
      user.channel.close();
      expect(await user.closed).to.equal(undefined);
      const [asked, started] = await starts();
      expect(asked?.args.join(' ')).to.equal('-G -- good');
      expect(started?.args.join(' ')).to.equal(
        '-T -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 -o ServerAliveCountMax=3 -- good cat',
      );
    });

    it('without them where the user’s configuration says otherwise', async () => {
      const config = 'serveraliveinterval 60\nserveralivecountmax 5\nconnecttimeout 7\n';
      const user = new Recorder(await dial({ user: 'u', port: 2222 }, config));
      user.channel.close();
      await user.closed;
      const [asked, started] = await starts();
      expect(asked?.args.join(' ')).to.equal('-G -l u -p 2222 -- good');
      expect(started?.args.join(' ')).to.equal('-T -o BatchMode=yes -l u -p 2222 -- good cat');
    });

    it('after it was asked once for all of a medium’s dials', async () => {
      const medium = openssh(optionsFor());
      const dials = [1, 2, 3].map(() => medium.dial(new AbortController().signal));
      for (const channel of await Promise.all(dials)) {
        const user = new Recorder(channel);
        channel.close();
        await user.closed;
      }
      expect(await starts()).to.have.length(4);
      expect(await connects()).to.have.length(3);
    });

    it('after it was asked again where it could not tell', async () => {
      const config = 'serveraliveinterval 60\nconnecttimeout 7\n';
      const medium = openssh(optionsFor({ host: 'ask-again' }, config));
      for (let round = 0; round < 3; round++) {
        const user = new Recorder(await medium.dial(new AbortController().signal));
        user.channel.close();
        await user.closed;
      }
      const hasDefaults = (await connects()).map(({ args }) => args.includes('ConnectTimeout=10'));
      expect(hasDefaults).to.deep.equal([true, false, false]);
      expect(await starts()).to.have.length(5);
    });

    it('also when it does not answer what it is asked', async function () {
      this.timeout(20_000);
      const user = new Recorder(await dial({ host: 'slow-to-ask' }));
      user.channel.close();
      expect(await user.closed).to.equal(undefined);
      const [asked, started] = await starts();
      await gone(asked?.pid as number);
      expect(started?.args).to.include('ServerAliveInterval=15');
    });

    it('with a command that no shell of this side has seen', async () => {
      const command = 'exit 3 $(touch x) `y` "z" \\ > /dev/null ; true';
      const user = new Recorder(await dial({ command }));
      expect((await user.closed)?.message).to.include('code 3: $(touch x) `y` "z" \\ > /dev/null');
    });
  });

  describe('when it cannot be started', () => {
    it('is final when there is no such program', async () => {
      const program = join(folder, 'no-ssh');
      const error = await failureOf(dial({ program }));
      expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: true });
      expect(error.message).to.include(`Cannot start ${program}`).and.include('is it installed?');
      const client = open({ program });
      const failure = await failureOf(client.call.mutate('x'));
      expect(failure).to.include({ code: 'ERR_HOLDFAST_DIAL', outcome: 'not-executed' });
    });

    it('is final when it is no program', async () => {
      const error = await failureOf(dial({ program: folder }));
      expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: true });
      expect(error.message).to.include('EACCES');
    });

    it('is given up when the dial is', async () => {
      for (const host of ['good', 'slow-to-ask']) {
        const abort = new AbortController();
        const reason = new Error('changed my mind');
        const dialling = openssh(optionsFor({ host })).dial(abort.signal);
        abort.abort(reason);
        expect(await dialling.catch((error) => error)).to.equal(reason);
      }
      expect(await connects()).to.have.length(0);
    });
  });

  describe('when it fails', () => {
    const ends: Readonly<Record<string, readonly [string, RegExp, boolean]>> = {
      'the server does not let the user in': ['unknown-user', /was not let in by/, true],
      'the host is not known': ['unknown-host', /does not trust the host key of/, true],
      'the host key has changed': ['changed-host', /does not trust .*known_hosts:7/, true],
      'there is no such name': ['no-name', /cannot find the host of/, false],
      'nobody listens': ['nobody-there', /was refused by/, false],
      'nobody answers': ['silent', /got no answer in time from/, false],
    };

    for (const [what, [host, text, isFinal]] of Object.entries(ends)) {
      it(`says that ${what}${isFinal ? ', for good' : ''}`, async () => {
        const channel = await dial({ host });
        const user = new Recorder(channel);
        // It takes what is written before it has a connection.
        channel.write([Buffer.from('hello')], () => {});
        const cause = await user.closed;
        expect(channel.dead).to.equal(true);
        expect(cause).to.include({ code: 'ERR_HOLDFAST_DIAL', final: isFinal });
        expect(cause?.message).to.match(text);
      });

      it(`tells the call that ${what}, and that it did not run`, async () => {
        const client = open({ host });
        const causes: (Error | undefined)[] = [];
        client.on('reconnecting', ({ cause }) => {
          causes.push(cause);
          // It goes on until somebody ends it.
          if (causes.length === 2) client.destroy(cause);
        });
        const error = await failureOf(client.call.mutate('x'));
        expect(error.outcome).to.equal('not-executed');
        expect(error.code).to.equal(isFinal ? 'ERR_HOLDFAST_DIAL' : 'ERR_HOLDFAST_CLOSED');
        expect(error.message).to.match(text);
        for (const cause of causes) expect(cause?.message).to.match(text);
        expect(await connects()).to.have.length(isFinal ? 1 : 2);
      });
    }

    it('says that the command was not found, for good', async () => {
      const error = await failureOf(open({ command: 'holdfist' }).call.mutate('x'));
      expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', outcome: 'not-executed' });
      expect(error.message).to.include('was not found (exit code 127): bash: line 1: holdfist:');
    });

    it('says with which code the command ended, and its last words', async () => {
      const first = new Recorder(await dial({ command: 'exit 3 out of cheese' }));
      expect(await first.closed).to.include({ code: 'ERR_HOLDFAST_DIAL', final: false });
      expect(first.cause?.message).to.match(/exited with code 3: out of cheese$/);
      const second = new Recorder(await dial({ command: 'say-and-exit 3 later' }));
      expect(await second.closed).to.include({ code: 'ERR_HOLDFAST_LOST', final: false });
      expect(second.bytes.toString()).to.equal('said');
    });

    it('closes when the command closes its output and lives on', async () => {
      const user = new Recorder(await dial({ command: 'close-and-stay' }));
      const cause = await user.closed;
      expect(cause?.message).to.include('closed its output and did not end');
      const [start] = await connects();
      await gone(start?.pid as number);
    });
  });

  describe('when it is lost', () => {
    it('costs no call that is made while it is idle, and each is executed once', async () => {
      const client = open({ command: await listen() });
      for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const) {
        await client.call.read('first');
        const { pid } = (await connects()).at(-1) as Start;
        const lost = once(client as unknown as NodeJS.EventEmitter, 'state');
        process.kill(pid, signal);
        expect((await lost)[0].reason.message).to.include(`was killed by ${signal}`);
        expect(await client.call.mutate(signal)).to.equal(`done ${signal}`);
        expect(executions.of(signal)).to.equal(1);
      }
    });

    it('says nothing and costs no call when it is stopped: the heartbeat finds it', async () => {
      const medium = openssh(optionsFor({ command: await listen() }));
      const quick = { heartbeatMs: 50, heartbeatTimeoutMs: 100, verifyAfterMs: 0 };
      const client = connect(medium, verbs, quick);
      clients.push(client);
      await client.call.read('first');
      const { pid } = (await connects()).at(-1) as Start;
      process.kill(pid, 'SIGSTOP');
      expect(await client.call.mutate('second')).to.equal('done second');
      expect(executions.of('second')).to.equal(1);
      // A stopped process hears no request to end; it was made to.
      await gone(pid);
    });

    it('proves that the last write was not taken whole', async () => {
      const channel = await dial({ command: 'deaf' });
      const user = new Recorder(channel);
      await user.take(2);
      const reports: boolean[] = [];
      const write = (): void => {
        channel.write([Buffer.alloc(65_536)], (possibly) => {
          reports.push(possibly);
          if (possibly) write();
        });
      };
      write();
      await settled(() => reports.length);
      expect(reports.length).to.be.within(1, 100);
      const [{ pid }] = (await connects()) as [Start];
      process.kill(pid, 'SIGKILL');
      expect((await user.closed)?.message).to.include('was killed by SIGKILL');
      expect(reports.indexOf(false)).to.equal(reports.length - 1);
    });
  });

  describe('never outlives its channel', () => {
    it('when it ends with its stdin', async () => {
      const user = new Recorder(await dial());
      const [{ pid }] = (await connected(user)) as [Start];
      user.channel.close();
      expect(await user.closed).to.equal(undefined);
      await gone(pid);
    });

    for (const how of ['destroy', 'close, then destroy'] as const) {
      it(`when it ignores the end of its stdin and SIGTERM (${how})`, async () => {
        const user = new Recorder(await dial({ host: 'stubborn' }));
        const [{ pid }] = (await connected(user)) as [Start];
        if (how !== 'destroy') user.channel.close();
        user.channel.destroy();
        expect(await user.closed).to.equal(undefined);
        // The close does not wait for it.
        expect(isThere(pid)).to.equal(true);
        await gone(pid);
      });
    }

    it('when its client closes and it does not care', async function () {
      this.timeout(20_000);
      const client = open({ host: 'stubborn', command: await listen() });
      await client.call.read('x');
      const [{ pid }] = (await connects()) as [Start];
      await client.close();
      await gone(pid);
    });

    it('when nobody closes it and the process ends', async () => {
      const { execFile } = await import('node:child_process');
      const program = fileURLToPath(new URL('../support/idle-main.ts', import.meta.url));
      const bin = join(folder, 'bin');
      const { mkdir, writeFile } = await import('node:fs/promises');
      await mkdir(bin);
      const script = `#!/bin/sh\nexec "${process.execPath}" "${fake}" "$@"\n`;
      await writeFile(join(bin, 'ssh'), script, { mode: 0o755 });
      const url = `openssh://stubborn/?command=${encodeURIComponent(await listen())}`;
      const env = { ...process.env, FAKE_SSH_LOG: log, PATH: `${bin}:${process.env['PATH']}` };
      const child = execFile(process.execPath, ['--import=tsx', program, url, 'call'], { env });
      expect((await once(child, 'exit'))[0]).to.equal(0);
      expect(executions.of('x')).to.equal(1);
      const [{ pid }] = (await connects()) as [Start];
      await gone(pid);
    });
  });

  /** Says something and hears it again: then the program is at work. */
  async function connected(user: Recorder): Promise<Start[]> {
    user.channel.write([Buffer.from('ready')], () => {});
    await user.take(5);
    return connects();
  }
});

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
