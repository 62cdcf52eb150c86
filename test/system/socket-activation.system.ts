import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { expect } from 'chai';
import { type Compiled, compile } from '../support/compiled.ts';
import { freePort } from '../support/free-port.ts';
import type { HeirReport } from '../support/heir-main.ts';
import { whoAnswers } from '../support/heirs.ts';
import { Lines } from '../support/lines.ts';
import { find, needPrograms } from '../support/programs.ts';

describe('Socket activation by systemd itself', () => {
  let program: Compiled;
  let folder: string;

  before(async function () {
    this.timeout(30_000);
    needPrograms(this, 'systemd-socket-activate');
    program = await compile('./heir-main.ts');
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
  });

  after(async () => {
    await program?.remove();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  it('starts a server at the first connection, which is served', async () => {
    const path = join(folder, 'socket');
    const port = await freePort();
    const args = ['-l', `127.0.0.1:${port}`, '-l', path, '--fdname=api:local'];
    const child: ChildProcess = spawn(
      find('systemd-socket-activate') as string,
      [...args, process.execPath, program.path, '{}'],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const ended = once(child, 'exit');
    while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 5));
    const answer = whoAnswers(`unix:${path}`);
    const report = JSON.parse(await Lines.ofStream(child.stdout as Readable).next()) as HeirReport;
    const urls = [`tcp://127.0.0.1:${port}`, `unix:${path}`];
    expect(report).to.deep.include({ urls, names: ['api', 'local'], isSame: true });
    expect(await answer).to.equal(child.pid);
    expect(await whoAnswers(urls[0] as string)).to.equal(child.pid);
    child.kill();
    expect(await ended).to.deep.equal([0, null]);
    expect(existsSync(path)).to.equal(true);
  });
});
