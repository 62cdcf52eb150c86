import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { expect } from 'chai';
import { type HandOverOptions, handOver, memory, serve, tcp } from '../../lib/index.ts';
import { expectFailure } from '../support/failing.ts';
import { fdOf } from '../support/heirs.ts';
import { Caller, Generations, holdNews, letGo, moveRestart } from './generations.ts';
import { ReaderFolder, type Running } from './reader-folder.ts';
import { readme, restartsPage, root, section, snippets, tableIn } from './readme.ts';

/** Processes of their own start one after the other, and load the whole library from its sources. */
const patienceMs = 60_000;

describe('Snippets for restarts', function () {
  this.timeout(patienceMs);

  let folder: ReaderFolder;
  let running: Running | undefined;
  let generations: Generations | undefined;
  let caller: Caller | undefined;

  beforeEach(() => {
    folder = new ReaderFolder(snippets());
  });

  afterEach(async () => {
    generations?.kill();
    running?.child.kill('SIGKILL');
    await running?.finished;
    caller?.client.destroy();
    folder.remove();
    running = undefined;
    generations = undefined;
    caller = undefined;
  });

  const notes = (): string => readFileSync(join(folder.path, 'notes.txt'), 'utf8');
  const program = (file: string): readonly string[] => [
    '--import',
    import.meta.resolve('tsx'),
    file,
  ];

  function begin(started: Running): Generations {
    running = started;
    generations = new Generations(started.lines);
    return generations;
  }

  /** Resolves when a program has said something on stderr, with all that it has said. */
  async function said({ child: { stderr } }: Running, words: string): Promise<string> {
    let text = '';
    stderr.on('data', (chunk) => {
      text += chunk;
    });
    while (!text.includes(words)) await once(stderr, 'data');
    return text;
  }

  function launch(file: string): Running {
    return folder.start(
      process.execPath,
      ...program('launcher.ts'),
      process.execPath,
      ...program(file),
    );
  }

  for (const url of ['tcp://127.0.0.1:0', 'unix:notes.sock']) {
    it(`show a server that restarts itself at ${url}: a call that straddles it is executed once`, async () => {
      moveRestart(folder, url);
      const started = folder.node('restart.ts');
      const servers = begin(started);
      const old = await servers.next();
      caller = new Caller(old.url.replace('notes.sock', join(folder.path, 'notes.sock')));
      const { answer } = await caller.add('tea');
      const exited = once(started.child, 'exit');
      started.child.kill('SIGHUP');
      const next = await servers.next();
      expect(next.url).to.equal(old.url);
      expect(next.pid).not.to.equal(old.pid);
      expect(await caller.list()).to.deep.equal(['tea']);
      letGo(folder);
      expect(await answer).to.equal(1);
      expect(await exited).to.deep.equal([0, null]);
      expect(await caller.client.invoke('add', 'milk')).to.equal(2);
      await caller.end();
      expect(notes()).to.equal('tea\nmilk\n');
      process.kill(next.pid, 'SIGTERM');
      expect((await started.finished).errors).to.equal('');
      await servers.ended();
    });
  }

  it('show what a successor that does not come up costs: a line on stderr', async () => {
    moveRestart(folder, 'tcp://127.0.0.1:0');
    const started = folder.node('restart.ts');
    const servers = begin(started);
    const { pid, url } = await servers.next();
    caller = new Caller(url);
    const broken = readFileSync(join(folder.path, 'restart.ts'), 'utf8');
    folder.write('restart.ts', 'process.exit(7);');
    started.child.kill('SIGHUP');
    expect(await said(started, 'exit code 7')).to.include(
      'Hand-over failed, and this server goes on',
    );
    folder.write('restart.ts', broken);
    await caller.list();
    await caller.end();
    expect(servers.running()).to.deep.equal([pid]);
    started.child.kill('SIGTERM');
    expect((await started.finished).code).to.equal(0);
  });

  it('show how systemd is told who the server is, after a hand-over too', async () => {
    moveRestart(folder, 'tcp://127.0.0.1:0');
    folder.program('systemd-notify', 'echo "$@" >>notified');
    folder.env['NOTIFY_SOCKET'] = '/run/systemd/notify';
    const started = folder.node('notify.ts');
    const servers = begin(started);
    const old = await servers.next();
    const notified = join(folder.path, 'notified');
    const told = async (lines: readonly string[]): Promise<void> => {
      const text = `${lines.join('\n')}\n`;
      // The program is a grandchild, of which nothing is heard.
      while (!existsSync(notified) || readFileSync(notified, 'utf8') !== text) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    await told([`--ready --pid=${old.pid}`]);
    started.child.kill('SIGHUP');
    const next = await servers.next();
    await told([`--ready --pid=${old.pid}`, `--ready --pid=${next.pid}`]);
    process.kill(next.pid, 'SIGTERM');
    expect((await started.finished).errors).to.equal('');
  });

  it('show a server that is restarted behind a socket that stays, as with systemd', async () => {
    const listening = await tcp({ port: 0 }).listen((channel) => channel.destroy());
    const { port } = new URL(listening.url);
    moveRestart(folder, `tcp://127.0.0.1:${port}`);
    const activate = `LISTEN_FDS=1 sh -c 'LISTEN_PID=$$ exec "$@"' sh "$@"`;
    const script = `for n in 1 2; do ${activate}; done`;
    const args = ['-c', script, 'sh', process.execPath, ...program('restart.ts')];
    const child = spawn('/bin/sh', args, {
      cwd: folder.path,
      env: folder.env,
      stdio: ['ignore', 'pipe', 'inherit', fdOf(listening)],
    });
    await listening.release?.();
    generations = new Generations(createInterface({ input: child.stdout as Readable }));
    const closed = once(child, 'close');
    const old = await generations.next();
    caller = new Caller(listening.url);
    const { answer } = await caller.add('tea');
    process.kill(old.pid, 'SIGTERM');
    letGo(folder);
    expect(await answer).to.equal(1);
    const next = await generations.next();
    expect(next.pid).not.to.equal(old.pid);
    expect(await caller.client.invoke('add', 'milk')).to.equal(2);
    await caller.end();
    expect(notes()).to.equal('tea\nmilk\n');
    process.kill(next.pid, 'SIGTERM');
    expect(await closed).to.deep.equal([0, null]);
  });

  describe('and for supervisors that look at one process', () => {
    it('show a launcher that stays while its servers hand over, and drains them', async () => {
      moveRestart(folder, 'unix:notes.sock');
      const started = launch('launched.ts');
      const servers = begin(started);
      const old = await servers.next();
      expect(old.pid).not.to.equal(started.child.pid);
      caller = new Caller(`unix:${join(folder.path, 'notes.sock')}`);
      const { answer } = await caller.add('tea');
      started.child.kill('SIGHUP');
      const next = await servers.next();
      expect(next.pid).not.to.equal(old.pid);
      letGo(folder);
      expect(await answer).to.equal(1);
      await servers.ended(old);
      started.child.kill('SIGHUP');
      const last = await servers.next();
      expect(new Set([old.pid, next.pid, last.pid]).size).to.equal(3);
      await caller.end();
      started.child.kill('SIGTERM');
      expect(await started.finished).to.deep.include({ code: 0, errors: '' });
      await servers.ended();
    });

    it('show one that passes no SIGHUP on to a server that may not bear it yet', async () => {
      moveRestart(folder, 'unix:notes.sock');
      const letNewsGo = holdNews(folder);
      const started = launch('launched.ts');
      const servers = begin(started);
      const old = await servers.next();
      started.child.kill('SIGHUP');
      letNewsGo();
      const next = await servers.next();
      expect(next.pid).not.to.equal(old.pid);
      await servers.ended(old);
      started.child.kill('SIGTERM');
      expect(await started.finished).to.deep.include({ code: 0, errors: '' });
    });

    it('show one that loses no SIGHUP that comes in the midst of a hand-over', async () => {
      moveRestart(folder, 'unix:notes.sock');
      const started = launch('launched.ts');
      const servers = begin(started);
      const old = await servers.next();
      const letNewsGo = holdNews(folder);
      started.child.kill('SIGHUP');
      const next = await servers.next();
      started.child.kill('SIGHUP');
      await Promise.race([said(started, 'one is under way'), servers.ended(old)]);
      letNewsGo();
      const last = await servers.next();
      expect(new Set([old.pid, next.pid, last.pid]).size).to.equal(3);
      await servers.ended(next);
      started.child.kill('SIGTERM');
      expect(await started.finished).to.include({ code: 0 });
      await servers.ended();
    });

    it('show one that lets a call be finished at SIGTERM', async () => {
      moveRestart(folder, 'unix:notes.sock');
      const started = launch('launched.ts');
      await begin(started).next();
      caller = new Caller(`unix:${join(folder.path, 'notes.sock')}`);
      const { answer } = await caller.add('tea');
      const ended = new Promise((resolve) => caller?.client.once('draining', resolve));
      started.child.kill('SIGTERM');
      await ended;
      letGo(folder);
      expect(await answer).to.equal(1);
      expect(await started.finished).to.include({ code: 0 });
    });

    it('show one that leaves nobody behind when it is ended in the midst of a hand-over', async () => {
      moveRestart(folder, 'unix:notes.sock');
      const started = launch('launched.ts');
      const servers = begin(started);
      const { pid } = await servers.next();
      const url = `unix:${join(folder.path, 'notes.sock')}`;
      caller = new Caller(url);
      const { answer } = await caller.add('tea');
      const told = new Promise((resolve) => caller?.client.once('draining', resolve));
      started.child.kill('SIGHUP');
      started.child.kill('SIGTERM');
      await told;
      letGo(folder);
      expect(await answer).to.equal(1);
      const { code, output } = await started.finished;
      expect(code).to.equal(0);
      expect(output).to.equal(`process ${pid} listens at unix:notes.sock\n`);
      expect(existsSync(join(folder.path, 'notes.sock'))).to.equal(false);
    });

    it('show one that ends with 1 when its server is killed, or cannot be started', async () => {
      moveRestart(folder, 'unix:notes.sock');
      const started = launch('launched.ts');
      const { pid } = await begin(started).next();
      process.kill(pid, 'SIGKILL');
      expect(await started.finished).to.include({ code: 1 });
      running = launch('nothing.ts');
      const { code, errors } = await running.finished;
      expect(code).to.equal(1);
      expect(errors).to.include('nothing.ts');
    });
  });
});

describe('The page on restarts', () => {
  it('names the options of a hand-over', async () => {
    const rows = tableIn(section('A hand-over, step by step', restartsPage), 'option');
    const names = rows.map(([name = '']) => name.replaceAll('`', ''));
    const options: Required<HandOverOptions> = {
      ...{ readyTimeoutMs: 1, timeoutMs: 1, noticeMs: 0, cwd: '/', env: {} },
    };
    expect(names).to.deep.equal(Object.keys(options));
    const server = await serve({}, {}, { listen: memory() });
    await server.close();
    await expectFailure(handOver(server, ['x'], options), 'ERR_HOLDFAST_HAND_OVER', 'ends already');
    const unknown = { [`${names[0]}x`]: 1 };
    await expectFailure(handOver(server, ['x'], unknown), 'ERR_HOLDFAST_OPTION');
  });

  it('links to files that are there', () => {
    const links = [...restartsPage.matchAll(/\]\(([^)#]+)(#[^)]*)?\)/g)].map(([, file]) => file);
    expect(links).not.to.deep.equal([]);
    for (const file of links) {
      expect(existsSync(join(root, 'lib/handover', file as string)), file).to.equal(true);
    }
    expect(readme).to.include('](lib/handover/RESTARTS.md)');
  });
});
