import dgram from 'node:dgram';
import { once } from 'node:events';
import { lstatSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Listening, tcp, unix } from '../../lib/index.ts';
import { tls } from '../../lib/media/tls.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import type { HeirTask } from '../support/heir-main.ts';
import {
  type Activated,
  type Activation,
  activate,
  asItIs,
  fdOf,
  whoAnswers,
} from '../support/heirs.ts';
import { authority, here } from '../support/tls-bench.ts';

/** Nothing that is inherited gets any further: no variable, no descriptor. */
const nothing = '0\n0\n';

describe('A server that systemd starts with sockets', () => {
  let program: Compiled;
  let folder: string;
  let path: string;
  let heirs: Activated[];
  let listenings: Listening[];

  before(async function () {
    this.timeout(30_000);
    program = await compile('./heir-main.ts');
  });

  after(() => program.remove());

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    path = join(folder, 'socket');
    heirs = [];
    listenings = [];
  });

  afterEach(async () => {
    await Promise.all(heirs.map((heir) => heir.end()));
    await Promise.all(listenings.map((listening) => listening.close()));
    await rm(folder, { recursive: true });
  });

  /** Sockets, as systemd makes them. */
  async function sockets(...kinds: readonly ('tcp' | 'unix')[]): Promise<Listening[]> {
    const drop = { tcp: tcp({ port: 0 }), unix: unix({ path }) };
    const made = await Promise.all(
      kinds.map((kind) => drop[kind].listen((channel) => channel.destroy())),
    );
    listenings.push(...made);
    return made;
  }

  async function start(
    task: HeirTask,
    given: readonly Listening[] | Activation,
    names?: string,
    run: readonly string[] = [program.path],
  ): Promise<Activated> {
    const made = 'fds' in given ? [] : given;
    const activation = 'fds' in given ? given : { fds: made.map(fdOf), ...(names && { names }) };
    // This process lets go at once: it would take connections, as systemd does not.
    const heir = await activate(run, task, activation, () =>
      Promise.all(made.map(async (listening) => listening.release?.())),
    );
    heirs.push(heir);
    return heir;
  }

  async function expectError(
    task: HeirTask,
    given: readonly Listening[] | Activation,
    text: RegExp,
  ) {
    const { report } = await start(task, given);
    expect(report.error?.code).to.equal('ERR_HOLDFAST_LISTEN');
    expect(report.error?.message).to.match(text);
  }

  it('serves on all of them, by name, and gives them to nobody else', async function () {
    this.timeout(20_000);
    const given = await sockets('tcp', 'unix');
    const { report, end } = await start({}, given, 'api:local', asItIs);
    expect(report).to.deep.include({
      urls: given.map(({ url }) => url),
      names: ['api', 'local'],
      isSame: true,
      grandchild: nothing,
    });
    for (const { url } of given) expect(await whoAnswers(url)).to.equal(report.pid);
    expect(await end()).to.equal(0);
  });

  it('leaves the file of a Unix socket where it is when it ends', async () => {
    const given = await sockets('unix');
    const was = lstatSync(path).ino;
    const { end } = await start({}, given);
    await end();
    expect(lstatSync(path).ino).to.equal(was);
  });

  it('serves what it names itself on them, in their order', async () => {
    const given = await sockets('unix', 'tcp');
    const urls = given.map(({ url }) => url);
    const { report } = await start({ listen: urls }, given);
    expect(report.urls).to.deep.equal(urls);
    expect(report.grandchild).to.equal(nothing);
    for (const url of urls) expect(await whoAnswers(url)).to.equal(report.pid);
  });

  it('serves TLS on one that it names so, wherever that listens', async () => {
    const [given] = (await sockets('tcp')) as [Listening];
    const { port } = new URL(given.url);
    const identity = authority.issue(here);
    const task = { listen: [`tls://0.0.0.0:${port}`], tls: identity };
    const { report } = await start(task, [given]);
    expect(report.urls).to.deep.equal([`tls://127.0.0.1:${port}`]);
    expect(await whoAnswers(tls({ port: Number(port), ca: authority.cert }))).to.equal(report.pid);
  });

  it('listens by itself when systemd gives it none', async () => {
    const { report } = await start({ listen: [`unix:${path}`] }, { fds: [] });
    expect(report.urls).to.deep.equal([`unix:${path}`]);
    expect(await whoAnswers(`unix:${path}`)).to.equal(report.pid);
  });

  describe('says what is wrong when', () => {
    it('there are not as many as it names', async () => {
      const text = /systemd gives 1 \(LISTEN_FDS\), but there are 2 listeners/;
      await expectError(
        { listen: ['tcp://127.0.0.1:0', `unix:${path}`] },
        await sockets('tcp'),
        text,
      );
    });

    it('the port is another one', async () => {
      const given = await sockets('tcp');
      const text = /descriptor 3 .*: it is 127\.0\.0\.1:\d+, but it is for 127\.0\.0\.1:9$/;
      await expectError({ listen: ['tcp://127.0.0.1:9'] }, given, text);
    });

    it('the path is another one', async () => {
      const text = /descriptor 3 .*: it is unix:.*\/socket, but it is for unix:\/nowhere\/x$/;
      await expectError({ listen: ['unix:/nowhere/x'] }, await sockets('unix'), text);
    });

    it('a TCP socket is where a Unix socket should be', async () => {
      const text = /descriptor 3 .*: it is no Unix socket, but it is for unix:/;
      await expectError({ listen: [`unix:${path}`] }, await sockets('tcp'), text);
    });

    it('a Unix socket is where a TCP socket should be', async () => {
      const text = /descriptor 3 .*: it is no TCP socket, but it is for 127\.0\.0\.1:9$/;
      await expectError({ listen: ['tcp://127.0.0.1:9'] }, await sockets('unix'), text);
    });

    it('what it names cannot listen on a socket', async () => {
      const text = /^pipe:\S* cannot be listened on with an inherited socket$/;
      const { report } = await start({ listen: ['pipe:?command=x'] }, await sockets('tcp'));
      expect(report.error?.message).to.match(text);
    });

    it('a socket is for datagrams', async () => {
      const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
      await once(socket, 'listening');
      await expectError({}, { fds: [handleOf(socket)] }, notListening);
      socket.close();
    });

    it('a socket is a connection, as with Accept=yes', async () => {
      const server = net.createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const socket = net.connect({ port: (server.address() as net.AddressInfo).port });
      await once(socket, 'connect');
      await expectError({}, { fds: [handleOf(socket)] }, notListening);
      socket.destroy();
      server.close();
    });

    it('there are fewer descriptors than it is told', async () => {
      const [given] = (await sockets('tcp')) as [Listening];
      const text = /descriptor \d+ of LISTEN_FDS=900 is not a socket/;
      await expectError({}, { fds: [fdOf(given)], count: 900 }, text);
    });
  });
});

const notListening = /descriptor 3 .*: it is no stream socket that listens .*ListenStream=/;

/** The descriptor of a socket of Node's. */
function handleOf(socket: object): number {
  const symbol = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'state symbol',
  );
  const state = symbol === undefined ? socket : Reflect.get(socket, symbol);
  const { _handle: tcpHandle, handle = tcpHandle } = state;
  return handle.fd;
}
