import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { expect } from 'chai';
import type { Connection, ServerChannel } from 'ssh2';
import { connect, type HoldfastError } from '../../../lib/index.ts';
import { loadSsh2 } from '../../../lib/media/ssh/load.ts';
import { ssh } from '../../../lib/media/ssh.ts';
import { failureOf } from '../../support/failure.ts';
import { Recorder } from '../../support/recorder.ts';
import { dial, dialFailure, type Extra, optionsFor } from '../../support/ssh-client.ts';
import { type Command, exitBy, exitWith, SshServer } from '../../support/ssh-server.ts';
import { verbs } from '../../support/verbs.ts';

/** A TCP server that is no SSH server. */
async function startOther(onSocket: (socket: Socket) => void): Promise<net.Server> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.resume();
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

type Request = Parameters<SshServer['isSilent']>[0];

/** How a dial ended of which the server left one request unanswered. */
interface Unanswered {
  readonly error: HoldfastError;
  readonly readyTimeoutMs: number;
}

describe('Errors of ssh', () => {
  let server: SshServer;

  beforeEach(async () => {
    server = await SshServer.listen();
  });

  afterEach(() => server.close());

  /** Dials with more time at each try, until it is enough for the server to be asked. */
  async function unanswered(what: Request, readyTimeoutMs = 60): Promise<Unanswered> {
    let isAsked = false;
    server.isSilent = (request) => {
      isAsked ||= request === what;
      return request === what;
    };
    const error = await dialFailure(server, { readyTimeoutMs });
    return isAsked ? { error, readyTimeoutMs } : unanswered(what, 4 * readyTimeoutMs);
  }

  describe('in front of a server that is none', () => {
    const others: Readonly<Record<string, readonly [(socket: Socket) => void, RegExp]>> = {
      'closes at once': [
        (socket) => socket.end(),
        /failed during the SSH handshake: Connection lost before handshake/,
      ],
      'resets in the middle': [
        (socket) => socket.once('data', () => socket.resetAndDestroy()),
        /the SSH handshake.*ECONNRESET/,
      ],
      'speaks HTTP': [
        (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
        /during the SSH handshake/,
      ],
      'says hello and closes': [
        (socket) => socket.end('SSH-2.0-x\r\n'),
        /closed the connection during the SSH handshake/,
      ],
      'speaks SSH badly': [
        (socket) => socket.write(`SSH-2.0-x\r\n${'noise and more noise '.repeat(100)}`),
        /failed during the SSH handshake/,
      ],
      'speaks SSH 1': [
        (socket) => socket.write('SSH-1.5-x\r\n'),
        /failed during the SSH handshake/,
      ],
    };

    for (const [what, [onSocket, text]] of Object.entries(others)) {
      it(`says so when it ${what}, and that trying again may help`, async () => {
        const other = await startOther(onSocket);
        const { port } = other.address() as AddressInfo;
        const error = await dialFailure(server, { port }).finally(() => other.close());
        expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: false });
        expect(error.message).to.match(/^ssh:\/\/me@127\.0\.0\.1:\d+\/\?command=cat /);
        expect(error.message).to.match(text);
      });
    }

    it('gives up in time when it is silent', async () => {
      const other = await startOther(() => {});
      const { port } = other.address() as AddressInfo;
      const error = await dialFailure(server, { port, readyTimeoutMs: 60 });
      expect(error.message).to.include('did not get through the SSH handshake within 60 ms');
      expect(error.final).to.equal(false);
      other.close();
    });

    it('says with Node’s own code that nobody listens', async () => {
      const options = optionsFor(server);
      await server.close();
      const dialling = ssh(options).dial(new AbortController().signal);
      expect(await dialling.catch((error) => error.code)).to.equal('ECONNREFUSED');
      server = await SshServer.listen();
    });
  });

  it('is final when the two sides have no algorithm in common', async () => {
    const old = await SshServer.listen(undefined, { kex: ['diffie-hellman-group1-sha1'] });
    const error = await dialFailure(old);
    await old.close();
    expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: true });
    expect(error.message).to.include('no matching key exchange algorithm');
  });

  describe('while it authenticates', () => {
    it('is final when the server has had enough', async () => {
      server.isSilent = (what) => {
        // What OpenSSH does after too many tries.
        if (what === 'authentication') disconnect(server.clients[0], 14);
        return true;
      };
      const error = await dialFailure(server, { password: 'p' });
      expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: true });
      expect(error.message).to.include('Authentication failed').and.include('the server said');
    });

    it('is not final when the connection is lost', async () => {
      server.isSilent = () => {
        server.sockets[0]?.resetAndDestroy();
        return true;
      };
      const error = await dialFailure(server);
      expect(error.final).to.equal(false);
      expect(error.message).to.include('during authentication');
    });

    it('gives up in time when the server does not answer', async () => {
      const { error, readyTimeoutMs } = await unanswered('authentication');
      expect(error.message).to.include(
        `did not get through authentication within ${readyTimeoutMs} ms`,
      );
    });
  });

  describe('when the channel is refused', () => {
    const path = '/nowhere/socket';
    const targets: Readonly<Record<string, Extra>> = {
      'ssh+unix': { forwardTo: { path } },
      'ssh+tcp': { forwardTo: { host: '127.0.0.1', port: 1 } },
    };

    for (const [scheme, extra] of Object.entries(targets)) {
      it(`is final over ${scheme} when the server prohibits it`, async () => {
        server.forwarding = 'prohibited';
        const error = await dialFailure(server, extra);
        expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: true });
        expect(error.message).to.include('refused the forwarding: it is administratively prohib');
        expect(error.message).to.match(new RegExp(`^${scheme.replace('+', '\\+')}://me@`));
      });

      it(`may be tried again over ${scheme} when nobody listens behind the server`, async () => {
        const error = await dialFailure(server, extra);
        expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: false });
        expect(error.message).to.include('refused the forwarding: it cannot connect there');
      });
    }

    it('may be tried again when the server refuses a command', async () => {
      const error = await dialFailure(server, { command: `join ${path}` });
      expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: false });
      expect(error.message).to.include('refused to run the command: Unable to exec');
    });

    for (const what of ['session', 'command'] as const) {
      it(`gives up in time when the server does not answer the request for a ${what}`, async () => {
        const { error } = await unanswered(what);
        expect(error.message).to.include('did not get through the opening of a channel within');
        expect(error.final).to.equal(false);
      });

      it(`says that the connection was lost when it is closed instead of a ${what}`, async () => {
        server.isSilent = (request) => {
          if (request === what) server.sockets[0]?.destroy();
          return request === what;
        };
        const error = await dialFailure(server);
        expect(error.message).to.include('during the opening of a channel');
        expect(error.final).to.equal(false);
      });
    }
  });

  describe('when the command ends', () => {
    const long = Array.from({ length: 2_000 }, (_, line) => `line ${line}`).join('\n');
    const ends: Readonly<
      Record<string, readonly [Command, Partial<HoldfastError>, RegExp] | readonly [Command]>
    > = {
      'with code 0': [(channel) => exitWith(channel, 0, 'all is well\n')],
      'with code 3': [
        (channel) => exitWith(channel, 3, 'first\n\u001b[31mno such file\u001b[0m\n'),
        { code: 'ERR_HOLDFAST_DIAL', final: false },
        /^The remote command of ssh:\S+ exited with code 3: first \| \[31mno such file \[0m$/,
      ],
      'with code 3 and without a word': [
        (channel) => exitWith(channel, 3),
        { code: 'ERR_HOLDFAST_DIAL', final: false },
        /exited with code 3$/,
      ],
      'with code 3 and many words': [
        (channel) => exitWith(channel, 3, long),
        { final: false },
        /code 3: line 1995 \| line 1996 \| line 1997 \| line 1998 \| line 1999$/,
      ],
      'because it cannot be run': [
        (channel) => exitWith(channel, 126, 'sh: x: Permission denied'),
        { code: 'ERR_HOLDFAST_DIAL', final: true },
        /cannot be run \(exit code 126\): sh: x: Permission denied$/,
      ],
      'by a signal': [
        (channel) => exitBy(channel, 'KILL', 'ouch'),
        { code: 'ERR_HOLDFAST_DIAL', final: false },
        /was killed by SIGKILL: ouch$/,
      ],
      'with code 127 after it has served': [
        (channel) => {
          channel.write('bytes');
          exitWith(channel, 127);
        },
        { code: 'ERR_HOLDFAST_LOST', final: false },
        /exited with code 127$/,
      ],
      'without a code': [(channel) => channel.end()],
      'by the end of its output alone': [(channel) => channel.eof()],
      'by its exit alone, as others hold its output': [
        (channel) => channel.exit(4),
        { final: false },
        /exited with code 4$/,
      ],
    };

    for (const [how, [command, fields, text]] of Object.entries(ends)) {
      it(`closes the channel and says why: ${how}`, async () => {
        server.commands.set('run', command);
        const channel = await dial(server, { command: 'run' });
        const user = new Recorder(channel);
        const cause = await user.closed;
        expect(channel.dead).to.equal(true);
        if (fields === undefined || text === undefined) {
          expect(cause).to.equal(undefined);
        } else {
          expect(cause).to.include(fields);
          expect(cause?.message).to.match(text);
        }
      });
    }

    it('is final when it was not found, and the call that waits is told at once', async () => {
      const client = connect(ssh(optionsFor(server, { command: 'holdfist --stdio' })), verbs);
      const error = await failureOf(client.call.mutate('x'));
      expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', outcome: 'not-executed' });
      expect(error.message).to.include('was not found (exit code 127): sh: 1: holdfist: not found');
      expect(server.sockets).to.have.length(1);
      await client.close();
    });

    it('delivers the output that comes behind the exit', async () => {
      const bytes = Buffer.alloc(1_000_000, 'x');
      server.commands.set('run', (channel) => {
        channel.exit(5);
        channel.write(bytes, () => channel.end());
      });
      const user = new Recorder(await dial(server, { command: 'run' }));
      const cause = await user.closed;
      expect(user.byteLength).to.equal(bytes.length);
      expect(cause?.message).to.include('exited with code 5');
    });

    it('hands nothing over once the exit is known', async () => {
      let far: ServerChannel | undefined;
      server.commands.set('run', (channel) => {
        far = channel;
      });
      const channel = await dial(server, { command: 'run' });
      const user = new Recorder(channel);
      far?.exit(1);
      far?.write('exit told');
      await user.take(9);
      expect(channel.dead).to.equal(true);
      const reports: boolean[] = [];
      channel.write([Buffer.from('x')], (possibly) => reports.push(possibly));
      await user.closed;
      expect(reports).to.deep.equal([false]);
    });
  });

  it('says how to install ssh2 where it is missing', async () => {
    const missing = (): Promise<unknown> => import('no-such-package' as string);
    const error = await failureOf(loadSsh2(missing));
    expect(error).to.include({ code: 'ERR_HOLDFAST_DIAL', final: true });
    expect(error.message).to.include('npm install ssh2');
    const broken = await failureOf(loadSsh2(() => Promise.reject(new Error('boom'))));
    expect(broken.message).to.equal('The package ssh2 cannot be loaded: boom');
  });

  describe('when a dial is given up', () => {
    const reason = new Error('changed my mind');

    it('rejects with the reason and leaves nothing open, whatever it was about', async () => {
      for (const what of ['authentication', 'session', 'command'] as const) {
        const abort = new AbortController();
        server.isSilent = (request) => {
          if (request === what) setImmediate(() => abort.abort(reason));
          return request === what;
        };
        const dialling = ssh(optionsFor(server)).dial(abort.signal);
        expect(await dialling.catch((error) => error), what).to.equal(reason);
      }
      for (const socket of server.sockets) if (!socket.destroyed) await once(socket, 'close');
    });

    it('destroys the channel that comes in the same turn', async () => {
      const abort = new AbortController();
      server.commands.set('run', () => abort.abort(reason));
      const dialling = ssh(optionsFor(server, { command: 'run' })).dial(abort.signal);
      expect(await dialling.catch((error) => error)).to.equal(reason);
    });
  });
});

/** What no public way of ssh2 does: to disconnect for another reason than that all is done. */
function disconnect(client: Connection | undefined, reason: number): void {
  const { _protocol } = client as unknown as { _protocol: { disconnect(reason: number): void } };
  _protocol.disconnect(reason);
  client?.end();
}
