import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { connect } from '../../lib/index.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import { SceneServer, type SceneTask } from '../support/scene-server.ts';
import { verbs } from '../support/verbs.ts';

describe('A hand-over to a new release', () => {
  let releases: Compiled[];
  let folder: string;
  let server: SceneServer | undefined;

  beforeEach(async () => {
    releases = [await compile('./scene-main.ts'), await compile('./scene-main.ts')];
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
  });

  afterEach(async () => {
    await server?.kill();
    await Promise.all([releases[1]?.remove(), rm(folder, { recursive: true })]);
  });

  for (const inherits of [true, false]) {
    const who = inherits ? 'one that looks for what it inherits' : 'one that inherits nothing';
    it(`needs nothing of the files that the old one was started from: ${who}`, async () => {
      const [journal, order] = [join(folder, 'journal'), join(folder, 'order')];
      const task: SceneTask = { listen: ['tcp://127.0.0.1:0'], journal, order };
      const [old, next] = releases.map(({ path }) => path) as [string, string];
      server = await SceneServer.start(old, { ...task, inherits });
      const [url = ''] = server.urls;
      const client = connect(url, verbs);
      expect(await client.call.mutate('before')).to.equal('done before');
      await releases[0]?.remove();
      const command = [process.execPath, next, JSON.stringify({ ...task, listen: [url] })];
      expect(await server.restart({ command })).to.deep.equal([]);
      expect(await client.call.mutate('behind')).to.equal('done behind');
      await client.close();
    });
  }
});
