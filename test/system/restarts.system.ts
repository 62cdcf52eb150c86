import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Caller, Generations, letGo, moveRestart } from '../readme/generations.ts';
import { ReaderFolder, type Running } from '../readme/reader-folder.ts';
import { restartsPage, section, snippets } from '../readme/readme.ts';
import { freePort } from '../support/free-port.ts';
import { find, needPrograms } from '../support/programs.ts';

describe("The page on restarts, with systemd's programs", () => {
  let folder: ReaderFolder;
  let running: Running | undefined;
  let generations: Generations | undefined;

  before(function () {
    const programs = ['systemd-analyze', 'systemd-notify', 'systemd-socket-activate', 'socat'];
    needPrograms(this, ...programs);
  });

  beforeEach(() => {
    folder = new ReaderFolder(snippets());
    running = undefined;
    generations = undefined;
  });

  afterEach(async () => {
    generations?.kill();
    running?.child.kill('SIGKILL');
    await running?.finished;
    folder.remove();
  });

  /** The units of a section, in their order. */
  function units(heading: string): string[] {
    const text = section(heading, restartsPage);
    return [...text.matchAll(/^```ini\n(.*?)^```$/gms)].map(([, unit = '']) => unit);
  }

  for (const [heading, names] of [
    ['systemd, without a hand-over', ['notes.socket', 'notes.service']],
    ['systemd, with a hand-over', ['notes.service']],
  ] as const) {
    it(`has units that systemd has nothing to say against: ${heading}`, async () => {
      const shown = units(heading);
      expect(shown).to.have.lengthOf(names.length);
      for (const [index, name] of names.entries()) folder.write(name, shown[index] as string);
      folder.env['XDG_RUNTIME_DIR'] = folder.path;
      const paths = names.map((name) => join(folder.path, name));
      const analyze = find('systemd-analyze') as string;
      const { finished } = folder.start(analyze, '--user', 'verify', ...paths);
      expect(await finished).to.deep.equal({ code: 0, output: '', errors: '' });
    });
  }

  it('tells systemd who the server is, by its own program', async () => {
    moveRestart(folder, 'tcp://127.0.0.1:0');
    const path = join(folder.path, 'notify');
    folder.env['NOTIFY_SOCKET'] = path;
    const socat = find('socat') as string;
    const listener = folder.start(socat, '-u', `UNIX-RECV:${path}`, '-');
    try {
      while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 5));
      running = folder.node('notify.ts');
      generations = new Generations(running.lines);
      const { pid } = await generations.next();
      let heard = '';
      listener.child.stdout.on('data', (chunk) => {
        heard += chunk;
      });
      // With the last word the program waits until the others are taken.
      while (!heard.includes('BARRIER=1')) await once(listener.child.stdout, 'data');
      expect(heard).to.equal(`READY=1\nMAINPID=${pid}BARRIER=1`);
    } finally {
      listener.child.kill();
      await listener.finished;
    }
    running.child.kill();
    expect(await running.finished).to.include({ code: 0, errors: '' });
  });

  it('hands the socket of systemd over to the next server', async () => {
    const port = await freePort();
    const url = `tcp://127.0.0.1:${port}`;
    moveRestart(folder, url);
    const activate = find('systemd-socket-activate') as string;
    const program = [process.execPath, '--import', import.meta.resolve('tsx'), 'restart.ts'];
    running = folder.start(activate, '-l', `127.0.0.1:${port}`, ...program);
    generations = new Generations(running.lines);
    const caller = new Caller(url);
    const old = await generations.next();
    expect(old.pid).to.equal(running.child.pid);
    const { answer } = await caller.add('tea');
    running.child.kill('SIGHUP');
    const next = await generations.next();
    letGo(folder);
    expect(await answer).to.equal(1);
    await caller.list();
    await caller.end();
    process.kill(next.pid, 'SIGTERM');
    expect(await running.finished).to.include({ code: 0 });
  });
});
