import { expect } from 'chai';
import { clientDefaults, connect, serverDefaults } from '../../lib/index.ts';
import { LastLines } from '../../lib/media/last-lines.ts';
import { opensshArguments } from '../../lib/media/openssh/arguments.ts';
import { explainOpensshEnd } from '../../lib/media/openssh/explain.ts';
import { resolveOpensshOptions } from '../../lib/media/openssh/options.ts';
import { resolveSshOptions } from '../../lib/media/ssh/options.ts';
import { ssh } from '../../lib/media/ssh.ts';
import { failureOf } from '../support/failure.ts';
import { Recorder } from '../support/recorder.ts';
import { dial, type Extra, optionsFor } from '../support/ssh-client.ts';
import { makeKey } from '../support/ssh-keys.ts';
import { exitWith, SshServer } from '../support/ssh-server.ts';
import { section, sshPage, tableIn } from './readme.ts';

/** What happens to `ssh()`, and what the system's ssh says and how it ends. */
interface Scene {
  readonly extra?: Extra;
  readonly stage?: (server: SshServer) => unknown;
  /** Made in place of the server. */
  readonly server?: () => Promise<SshServer>;
  readonly said?: string;
  /** ssh's own code for what went wrong is 255. */
  readonly code?: number;
  readonly hasServed?: boolean;
}

const command = 'run';

function exitOf(code: number, what: string): Scene {
  const stage = (server: SshServer): unknown =>
    server.commands.set(command, (channel) => exitWith(channel, code, what));
  return { stage, code, said: what };
}

/** Rows of the table of errors. */
const scenes: Readonly<Record<string, Scene>> = {
  'the host is unknown': {
    extra: { knownHosts: undefined, knownHostsFiles: '/nowhere/known_hosts' },
    said: 'No ED25519 host key is known for h and you have requested strict checking.\nHost key verification failed.\n',
  },
  "the host's key has changed": {
    extra: { knownHosts: `* ${makeKey().public}` },
    said: 'WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!\nHost key verification failed.\n',
  },
  'nobody let you in': {
    stage: (server) => {
      server.admission = { methods: ['password'], password: 'right' };
    },
    extra: { password: 'wrong' },
    said: 'me@h: Permission denied (publickey,password).\n',
  },
  'no algorithm in common': {
    server: () => SshServer.listen(undefined, { kex: ['diffie-hellman-group1-sha1'] }),
    said: 'Unable to negotiate with 127.0.0.1 port 22: no matching key exchange method found.\n',
  },
  'the host cannot be reached': {
    // Nobody listens at port 1.
    extra: { port: 1 },
    said: 'ssh: connect to host h port 22: Connection refused\n',
  },
  'the remote command is not there': exitOf(127, 'sh: 1: run: not found\n'),
  'it may not be executed': exitOf(126, 'sh: 1: run: Permission denied\n'),
  'it failed, e.g. since nobody listens': exitOf(1, 'holdfast: Cannot connect to unix:x\n'),
  'no sign of life': {
    extra: { keepaliveMs: 10, keepaliveCount: 1 },
    stage: (server) => {
      server.commands.set(command, (channel) => {
        channel.write('up', () => server.sockets[0]?.pause());
      });
    },
    said: 'Timeout, server h not responding.\n',
    hasServed: true,
  },
  'the connection broke': {
    stage: (server) => {
      server.commands.set(command, (channel) => {
        channel.write('up', () => server.sockets[0]?.resetAndDestroy());
      });
    },
    said: 'client_loop: send disconnect: Broken pipe\n',
    hasServed: true,
  },
  'forwarding is not allowed': {
    extra: { command: undefined, forwardTo: { path: '/nowhere/socket' } },
    stage: (server) => {
      server.forwarding = 'prohibited';
    },
  },
  'nobody listens behind it': {
    extra: { command: undefined, forwardTo: { path: '/nowhere/socket' } },
  },
};

/** The failure of a dial, or of the channel that it gave. */
async function failureOfSsh({ extra, stage, server: make }: Scene): Promise<Error> {
  const server = await (make ?? SshServer.listen)();
  await stage?.(server);
  try {
    const channel = await dial(server, { command, ...extra });
    const cause = await new Recorder(channel).closed;
    if (cause === undefined) throw new Error('The channel closed without a cause');
    return cause;
  } catch (error) {
    return error as Error;
  } finally {
    await server.close();
  }
}

function failureOfOpenssh({ said = '', code = 255, hasServed = false }: Scene): Error | undefined {
  const stderr = new LastLines();
  stderr.add(Buffer.from(said));
  return explainOpensshEnd({ code, signal: undefined, hasServed, stderr }, 'openssh://h/');
}

function isFinal(error: Error | undefined): boolean {
  return (error as { readonly final?: boolean } | undefined)?.final === true;
}

describe('The page on tools over SSH', () => {
  const errors = tableIn(section('Errors', sshPage), 'what happened');

  it('has a row for each of the errors that are tried here', () => {
    expect(errors.map(([what]) => what)).to.deep.equal(Object.keys(scenes));
  });

  for (const [what = '', said = '', saidByOpenssh = '', final = ''] of errors) {
    it(`says what the error says, and whether it is final, when ${what}`, async () => {
      const scene = scenes[what] as Scene;
      const error = await failureOfSsh(scene);
      expect(error.message).to.include(said);
      expect(isFinal(error)).to.equal(final === 'yes');
      expect(saidByOpenssh === '').to.equal(scene.said === undefined);
      if (saidByOpenssh === '') return;
      const other = failureOfOpenssh(scene);
      expect(other?.message).to.include(saidByOpenssh);
      expect(isFinal(other)).to.equal(final === 'yes');
    });
  }

  it('names options with the defaults that they have', () => {
    const place = { host: 'h', command };
    const args = opensshArguments(resolveOpensshOptions(place), {
      hasConnectTimeout: false,
      hasKeepalive: false,
    });
    const told = (name: string): number =>
      Number(args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1));
    const openssh = {
      keepaliveMs: told('ServerAliveInterval') * 1_000,
      keepaliveCount: told('ServerAliveCountMax'),
      connectTimeoutMs: told('ConnectTimeout') * 1_000,
    };
    const all: Readonly<Record<string, object>> = {
      '`connect`': clientDefaults,
      '`serve`': serverDefaults,
      '`ssh`': resolveSshOptions(place),
      '`openssh`': openssh,
    };
    const rows = tableIn(section('Options that matter', sshPage), 'option');
    expect(rows).to.have.length.above(5);
    for (const [option = '', of = '', written] of rows) {
      for (const owner of of.split(', ')) {
        const value = (all[owner] as Record<string, unknown>)[option.replaceAll('`', '')];
        const text = option.endsWith('Ms`') ? `${Number(value) / 1_000} s` : String(value);
        expect(written, `${option} of ${owner}`).to.equal(text);
      }
    }
    const { readyTimeoutMs } = resolveSshOptions(place);
    expect(sshPage).to.include(`\`readyTimeoutMs\` of \`ssh()\` (${readyTimeoutMs / 1_000} s)`);
    expect(sshPage).to.include(
      `\`connectTimeoutMs\` of \`openssh()\` (${openssh.connectTimeoutMs / 1_000} s)`,
    );
  });

  it('says when a path that went silent is noticed', () => {
    const losses = section('What happens at each loss', sshPage);
    const { heartbeatMs, heartbeatTimeoutMs } = clientDefaults;
    expect(losses).to.include(
      `after ${(heartbeatMs + heartbeatTimeoutMs) / 1_000} s (\`heartbeatMs`,
    );
    expect(losses).to.include(`${heartbeatTimeoutMs / 1_000} s after the ping`);
    const { keepaliveMs, keepaliveCount } = resolveSshOptions({ host: 'h', command });
    expect(keepaliveMs * (keepaliveCount + 1)).to.equal(60_000);
    const away = serverDefaults.idlePingMs + serverDefaults.heartbeatTimeoutMs;
    expect(losses).to.include(`the server notices after ${away / 1_000} s`);
  });

  it('says what a line that the far shell prints first leads to', async () => {
    const server = await SshServer.listen();
    server.commands.set(command, (channel) => channel.write('Welcome to the far end!\n'));
    const client = connect(ssh(optionsFor(server, { command })));
    const error = await failureOf(client.ready());
    await client.close();
    await server.close();
    expect(error).to.include({ code: 'ERR_HOLDFAST_PROTOCOL', final: true });
    expect(error.message).to.include('Welcome');
  });

  it('links to headings and files that are there', () => {
    const links = [...sshPage.matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => target);
    expect(links).to.deep.equal(['../../README.md#server-and-client']);
    expect(section('Server and client')).to.include('// verbs.ts');
  });
});
