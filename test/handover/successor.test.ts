import { spawn as start } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  type Successor,
  type SuccessorOptions,
  spawnSuccessor,
} from '../../lib/handover/spawn-successor.ts';
import { type Listening, type ListeningSocket, memory, tcp, unix } from '../../lib/index.ts';
import { tls } from '../../lib/media/tls.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import { expectFailure, failureOf } from '../support/failing.ts';
import type { HeirReport, HeirTask } from '../support/heir-main.ts';
import { asItIs, whoAnswers } from '../support/heirs.ts';
import { Lines } from '../support/lines.ts';
import { authority, here } from '../support/tls-bench.ts';

/** A successor that serves, or has said why not. */
interface Heir {
  readonly successor: Successor;
  readonly report: HeirReport;
  /** Says something to it, and waits until it has heard. */
  tell(word: 'take over' | 'close'): Promise<void>;
}

describe('A successor', () => {
  let program: Compiled;
  let folder: string;
  let path: string;
  let listenings: Listening[];
  let successors: Successor[];

  before(async function () {
    this.timeout(30_000);
    program = await compile('./heir-main.ts');
  });

  after(() => program.remove());

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    path = join(folder, 'socket');
    listenings = [];
    successors = [];
  });

  afterEach(async () => {
    await Promise.all(successors.map((successor) => successor.stop()));
    for (const { channel } of successors) channel.destroy();
    await Promise.all(listenings.map((listening) => listening.close()));
    await rm(folder, { recursive: true });
  });

  /** Listens; answers each connection with one byte and the end. */
  async function listen(listener = unix({ path })): Promise<Listening> {
    const listening = await listener.listen((channel) => {
      channel.start({ onBytes: () => {}, onClosed: () => {} });
      channel.write([Buffer.from('p')], () => channel.close());
    });
    listenings.push(listening);
    return listening;
  }

  async function spawn(
    task: HeirTask,
    run: readonly string[] = [program.path],
    options: Partial<SuccessorOptions> = {},
  ): Promise<Heir> {
    const command = [process.execPath, ...run, JSON.stringify(task)];
    const successor = await spawnSuccessor({ command, listenings, ...options });
    successors.push(successor);
    const lines = Lines.ofChannel(successor.channel);
    const report = JSON.parse((await lines.next()) || '{}') as HeirReport;
    const tell: Heir['tell'] = async (word) => {
      successor.channel.write([Buffer.from(`${word}\n`)], () => {});
      expect(await lines.next()).to.equal(word);
    };
    return { successor, report, tell };
  }

  async function release(): Promise<void> {
    await Promise.all(listenings.map(async (listening) => listening.release?.()));
  }

  it('serves on all the sockets of its predecessor, and gives them to nobody else', async function () {
    this.timeout(20_000);
    const urls = [(await listen(tcp({ port: 0 }))).url, (await listen()).url];
    const { report, successor } = await spawn({}, asItIs);
    await release();
    expect(report).to.deep.include({ urls, names: ['', ''], isSame: true, grandchild: '0\n0\n' });
    for (const url of urls) expect(await whoAnswers(url)).to.equal(report.pid);
    await successor.stop();
    expect(await successor.ended).to.equal('exit code 0');
  });

  it('finds the sockets of what it names, whatever their order, and makes what is new', async () => {
    await listen(unix({ path: `${path}.old` }));
    const [inet, file] = [await listen(tcp({ port: 0 })), await listen()];
    const fresh = `unix:${path}.new`;
    const { report, tell } = await spawn({ listen: [file.url, fresh, 'tcp://127.0.0.1:0'] });
    await release();
    await tell('take over');
    expect(report.urls).to.deep.equal([file.url, fresh, inet.url]);
    for (const url of report.urls ?? []) expect(await whoAnswers(url)).to.equal(report.pid);
    // What it has no use for is closed, so that nobody waits there.
    expect(existsSync(`${path}.old`)).to.equal(false);
  });

  it('serves TLS where its predecessor did, and where that did without', async () => {
    const identity = authority.issue(here);
    for (const listener of [tls({ port: 0, ...identity }), tcp({ port: 0 })]) {
      const { port } = new URL((await listen(listener)).url);
      const { report, successor } = await spawn({
        listen: [`tls://127.0.0.1:${port}`],
        tls: identity,
      });
      await release();
      const medium = tls({ port: Number(port), ca: authority.cert });
      expect(await whoAnswers(medium)).to.equal(report.pid);
      await successor.stop();
      listenings = [];
    }
  });

  it('is told that certificates are not inherited', async () => {
    await listen(tls({ port: 0, ...authority.issue(here) }));
    const { report } = await spawn({});
    expect(report.error?.message).to.match(/inherited descriptor 3 \(tls:.*name the listener/);
  });

  it('is told when the sockets do not come through the command', async () => {
    await listen();
    const report = join(folder, 'report');
    const script = '"$0" "$@" 3</dev/null >"$REPORT"';
    const command = ['/bin/sh', '-c', script, process.execPath, program.path, '{}'];
    const env = { ...process.env, REPORT: report };
    const successor = await spawnSuccessor({ command, listenings, env });
    successors.push(successor);
    // Its word goes to stdout, for it does not find the connection either.
    expect(await Lines.ofChannel(successor.channel).next()).to.equal('');
    expect(await readFile(report, 'utf8')).to.include('did not come through');
  });

  describe('that has a Unix socket', () => {
    it('does not remove the file while its predecessor has not let go', async () => {
      const { url } = await listen();
      const { successor, report } = await spawn({});
      await successor.stop();
      expect(existsSync(path)).to.equal(true);
      const socket = net.connect({ path });
      expect((await once(socket, 'data')).toString()).to.equal('p');
      expect(report.urls).to.deep.equal([url]);
      await once(socket, 'close');
    });

    it('removes it at its end when it has taken over', async () => {
      await listen();
      const { tell } = await spawn({});
      await release();
      await tell('take over');
      await tell('close');
      expect(readdirSync(folder)).to.deep.equal([]);
    });

    it('leaves alone what has come there meanwhile', async () => {
      await listen();
      const { tell } = await spawn({});
      await release();
      await tell('take over');
      await rm(path);
      await writeFile(path, 'precious');
      await tell('close');
      expect(readdirSync(folder)).to.deep.equal(['socket']);
    });

    it('leaves the one of systemd alone for good', async () => {
      // It is served here as if systemd had given it, so that no file belongs to it.
      const { url, socket } = await listen();
      const { fd, address } = socket as ListeningSocket;
      const close = (): Promise<void> => Promise.resolve();
      const given: Listening = { url, socket: { fd, address }, close };
      const { tell } = await spawn({}, undefined, { listenings: [given] });
      await release();
      await tell('take over');
      await tell('close');
      expect(lstatSync(path).isSocket()).to.equal(true);
    });
  });

  describe('while clients dial all the time', () => {
    for (const kind of ['tcp', 'unix'] as const) {
      it(`takes what its predecessor leaves: nobody is refused over ${kind}, and nobody lost`, async function () {
        this.timeout(20_000);
        const { url } = await listen(kind === 'tcp' ? tcp({ port: 0 }) : unix({ path }));
        const target = kind === 'tcp' ? { port: Number(new URL(url).port) } : { path };
        const { report } = await spawn({});
        const answers = await dialOften(target, 500, release);
        // This process cannot dial in the very turn of the release; the next test does that.
        expect(answers.filter((answer) => answer !== 'p' && answer !== '')).to.deep.equal([]);
        expect(await whoAnswers(url)).to.equal(report.pid);
      });
    }

    it('is found by those who dial just when the path is missing, as soon as they try again', async () => {
      await listen();
      await spawn({});
      const dialler = start(process.execPath, ['-e', diallerScript, path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const lines = Lines.ofStream(dialler.stdout);
      expect(await lines.next()).to.equal('100');
      await release();
      const codes = JSON.parse(await lines.next()) as string[];
      expect(codes.filter((code) => code !== 'ENOENT')).to.deep.equal([]);
      expect(codes.length).to.be.below(10);
    });

    it('takes those that wait in the queue of the socket', async () => {
      const { url } = await listen(tcp({ port: 0 }));
      const { report } = await spawn({});
      await release();
      // Stopped, it takes none: they wait where the predecessor would have found them.
      process.kill(report.pid, 'SIGSTOP');
      const waiting = Array.from({ length: 20 }, () => whoAnswers(url));
      await new Promise((resolve) => setImmediate(resolve));
      process.kill(report.pid, 'SIGCONT');
      expect(new Set(await Promise.all(waiting))).to.deep.equal(new Set([report.pid]));
    });
  });

  describe('that does not come to be', () => {
    it('is told of with the reason of the system', async () => {
      await listen();
      const starting = spawnSuccessor({ command: [join(folder, 'nothing')], listenings });
      expect(await failureOf(starting)).to.have.property('code', 'ENOENT');
      const socket = net.connect({ path });
      expect((await once(socket, 'data')).toString()).to.equal('p');
      await once(socket, 'close');
    });

    it('leaves the connection closed and says how it ended', async () => {
      await listen();
      const command = [process.execPath, '-e', 'process.exit(3)'];
      const successor = await spawnSuccessor({ command, listenings });
      successors.push(successor);
      expect(await Lines.ofChannel(successor.channel).next()).to.equal('');
      expect(await successor.ended).to.equal('exit code 3');
      await successor.stop();
    });

    it('is killed when it does not end as it is asked to', async () => {
      await listen();
      const { successor } = await spawn({ isStubborn: true }, undefined, { killAfterMs: 50 });
      await Promise.all([successor.stop(), successor.stop()]);
      expect(await successor.ended).to.equal('signal SIGKILL');
    });
  });

  describe('is not started', () => {
    const wrong: readonly unknown[] = [undefined, 'node x', [], [''], ['node', 7], ['a\0b']];
    for (const command of wrong) {
      it(`by the command ${JSON.stringify(command)}`, async () => {
        await listen();
        const starting = spawnSuccessor({ command: command as string[], listenings });
        await expectFailure(starting, 'ERR_HOLDFAST_OPTION', /must be a list of a program/);
      });
    }

    it('without a socket', async () => {
      const here = await memory().listen(() => {});
      const closed = await tcp({ port: 0 }).listen(() => {});
      await closed.close();
      const starting = spawnSuccessor({ command: ['x'], listenings: [here, closed] });
      await expectFailure(starting, 'ERR_HOLDFAST_OPTION', 'no listening socket to hand over');
      await here.close();
    });
  });
});

/**
 * Dials 500 times, one after the other, and those again that fail; says when it has done 100, and in
 * the end with which codes it failed.
 */
const diallerScript = `
  const codes = [];
  const dial = (left) => {
    if (left === 400) console.log('100');
    if (left === 0 || codes.length > 20) return console.log(JSON.stringify(codes));
    const socket = require('net').connect(process.argv[1], () => socket.destroy());
    let failed = false;
    socket.on('error', ({ code }) => { failed = true; codes.push(code); });
    socket.on('close', () => failed ? setTimeout(dial, 5, left) : dial(left - 1));
  };
  dial(500);
`;

/** Dials so often, a few at a time; `half` is called in the middle. */
async function dialOften(
  target: net.NetConnectOpts,
  count: number,
  half: () => unknown,
): Promise<string[]> {
  const dials: Promise<string>[] = [];
  for (let index = 0; index < count; index++) {
    dials.push(dial(target));
    if (index === count / 2) void half();
    if (index % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return Promise.all(dials);
}

/** Connects and ends; gives what the server said until it ended too, or the code of an error. */
function dial(target: net.NetConnectOpts): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(target, () => socket.end());
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      answer = String(error.code);
    });
    socket.on('close', () => resolve(answer));
  });
}
