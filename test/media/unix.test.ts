import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect } from 'chai';
import sinon from 'sinon';
import { connect, type Listening, type Server, serve, unix } from '../../lib/index.ts';
import { expectFailure } from '../support/failing.ts';
import { Executions, verbs } from '../support/verbs.ts';

const wrongOptions: readonly (readonly [options: unknown, text: RegExp])[] = [
  [{}, /Option "path" must be a string, got undefined/],
  [undefined, /Option "path" must be a string/],
  [{ path: 7 }, /Option "path" must be a string, got 7/],
  [{ path: '/x', mode: 0o1000 }, /Option "mode" must be a whole number from 0 to 511, got 512/],
  [{ path: '/x', mode: '0600' }, /Option "mode" must be a whole number/],
  [{ path: '/x', mod: 0 }, /Unknown unix option "mod"; did you mean "mode"\?/],
  [null, /unix option must be an object, got null/],
];

/** An account that owns nothing here. */
const nobody = 65_534;

/** Runs something without root's power to do what permissions forbid. */
async function withoutPrivileges<T>(run: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return await run();
  process.seteuid?.(nobody);
  try {
    return await run();
  } finally {
    process.seteuid?.(0);
  }
}

describe('The Unix medium', () => {
  let folder: string;
  let path: string;
  let listenings: Listening[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    // Others may come in, so that what a test forbids is all that is forbidden.
    await chmod(folder, 0o755);
    path = join(folder, 'socket');
    listenings = [];
  });

  afterEach(async () => {
    await Promise.all(listenings.map((listening) => listening.close()));
    await rm(folder, { recursive: true });
  });

  async function listen(at = path, mode?: number): Promise<Listening> {
    const options = mode === undefined ? { path: at } : { path: at, mode };
    const listening = await unix(options).listen((channel) => channel.destroy());
    listenings.push(listening);
    return listening;
  }

  /** Leaves behind what a killed server leaves behind: a socket file on which nobody listens. */
  async function leaveStaleFile(): Promise<void> {
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', script], { stdio: 'ignore' }), 'exit');
    expect((await lstat(path)).isSocket()).to.equal(true);
  }

  for (const [options, text] of wrongOptions) {
    it(`refuses the options ${inspect(options)}`, async () => {
      await expectFailure(() => unix(options as { path: string }), 'ERR_HOLDFAST_OPTION', text);
    });
  }

  describe('when it listens', () => {
    it('opens the socket to its owner alone, whatever the mask of the process', async () => {
      const mask = process.umask(0);
      try {
        await listen();
        expect(process.umask()).to.equal(0);
      } finally {
        process.umask(mask);
      }
      expect((await stat(path)).mode & 0o777).to.equal(0o600);
    });

    it('gives the socket the permissions that it is told', async () => {
      await listen(path, 0o660);
      expect((await stat(path)).mode & 0o777).to.equal(0o660);
    });

    it('sets the permissions also where the mask cannot be set, as in a worker', async () => {
      const umask = sinon.stub(process, 'umask').throws(new Error('not in a worker'));
      try {
        await listen(path, 0o620);
      } finally {
        umask.restore();
      }
      expect((await stat(path)).mode & 0o777).to.equal(0o620);
    });

    it('takes a path of 107 bytes', async () => {
      const long = join(folder, 'x'.repeat(106 - Buffer.byteLength(folder)));
      expect(Buffer.byteLength(long)).to.equal(107);
      await listen(long);
      expect((await lstat(long)).isSocket()).to.equal(true);
    });

    it('refuses a longer path, which the system would cut', async () => {
      const long = join(folder, 'x'.repeat(107 - Buffer.byteLength(folder)));
      const text = /1 to 107 bytes and no NUL, got 108 bytes/;
      await expectFailure(() => unix({ path: long }), 'ERR_HOLDFAST_URL', text);
    });

    it('removes the file when it is closed', async () => {
      const listening = await listen();
      await listening.close();
      expect(await lstat(path).catch((error) => error.code)).to.equal('ENOENT');
    });
  });

  describe('when there is a file already', () => {
    it('replaces the socket of a server that was killed', async () => {
      await leaveStaleFile();
      const server = await serveAt();
      const client = connect(`unix:${path}`, verbs);
      expect(await client.call.read('x')).to.equal('done x');
      await client.close();
      await server.close();
    });

    it('leaves a socket alone on which somebody listens', async () => {
      const server = await serveAt();
      const text = `Cannot listen at unix:${path}: the address is in use: stop the other server`;
      await expectFailure(serveAt(), 'ERR_HOLDFAST_LISTEN', text);
      const client = connect(`unix:${path}`, verbs);
      expect(await client.call.read('x')).to.equal('done x');
      await client.close();
      await server.close();
    });

    it('lets one of two servers have a stale socket, and the other none', async () => {
      await leaveStaleFile();
      const results = await Promise.allSettled([serveAt(), serveAt()]);
      const servers = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      await Promise.all(servers.map((server) => server.close()));
      expect(servers).to.have.length(1);
    });

    it('never deletes what is not a socket', async () => {
      await writeFile(path, 'precious');
      const text = `Cannot listen at unix:${path}: there is a file that is not a socket`;
      const error = await expectFailure(serveAt(), 'ERR_HOLDFAST_LISTEN', text);
      expect(error.final).to.equal(true);
      expect(await readFile(path, 'utf8')).to.equal('precious');
    });

    it('never deletes a folder, nor a link to something', async () => {
      const linked = join(folder, 'linked');
      await writeFile(linked, 'precious');
      await symlink(linked, path);
      await expectFailure(serveAt(), 'ERR_HOLDFAST_LISTEN', path);
      expect((await lstat(path)).isSymbolicLink()).to.equal(true);
      await rm(path);
      await mkdir(path);
      await expectFailure(serveAt(), 'ERR_HOLDFAST_LISTEN', path);
      expect((await lstat(path)).isDirectory()).to.equal(true);
    });
  });

  describe('when it cannot', () => {
    it('says that the folder is missing', async () => {
      const missing = join(folder, 'missing', 'socket');
      const text = `Cannot listen at unix:${missing}: the folder of the socket does not exist`;
      const error = await expectFailure(listen(missing), 'ERR_HOLDFAST_LISTEN', text);
      expect(error.final).to.equal(true);
    });

    it('says that it may not write to the folder', async () => {
      const closed = join(folder, 'closed');
      await mkdir(closed, { mode: 0o500 });
      const at = join(closed, 'socket');
      const text = `Cannot listen at unix:${at}: permission denied`;
      await withoutPrivileges(() => expectFailure(listen(at), 'ERR_HOLDFAST_LISTEN', text));
    });

    it('gives up at once when it may not connect', async () => {
      await listen(path, 0);
      const client = connect(`unix:${path}`, verbs);
      const text = `Cannot connect to unix:${path}: permission denied`;
      const error = await withoutPrivileges(() =>
        expectFailure(client.call.mutate('x'), 'ERR_HOLDFAST_DIAL', text),
      );
      expect(error.outcome).to.equal('not-executed');
      await client.close();
    });

    it('keeps trying where there is no file yet, and finds the server that comes', async () => {
      const client = connect(`unix:${path}`, verbs, { reconnectCapMs: 10 });
      const call = client.call.mutate('early');
      await new Promise((resolve) => client.once('reconnecting', resolve));
      const server = await serveAt();
      expect(await call).to.equal('done early');
      await client.close();
      await server.close();
    });

    it('tells of what is not a socket as of a server that is not there', async () => {
      await writeFile(path, 'precious');
      const client = connect(`unix:${path}`, verbs, { reconnectCapMs: 10 });
      const call = client.call.mutate('x', { timeoutMs: 50 });
      const error = await expectFailure(call, 'ERR_HOLDFAST_DEADLINE', /ECONNREFUSED/);
      expect(error.outcome).to.equal('not-executed');
      await client.close();
    });
  });

  it('keeps the process alive only while a channel is held', async () => {
    const alive = (): number =>
      process.getActiveResourcesInfo().filter((kind) => kind === 'PipeWrap').length;
    const sockets: net.Socket[] = [];
    const server = net.createServer((socket) => {
      sockets.push(socket);
      socket.unref();
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const channel = await unix({ path }).dial(new AbortController().signal);
    const before = alive();
    channel.ref();
    expect(alive()).to.equal(before + 1);
    channel.unref();
    expect(alive()).to.equal(before);
    channel.destroy();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  function serveAt(): Promise<Server> {
    return serve(verbs, new Executions().handlers(), { listen: `unix:${path}` });
  }
});
