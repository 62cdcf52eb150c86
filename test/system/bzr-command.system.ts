import { expect } from 'chai';
import { Breaker } from '../support/breaker.ts';
import { BrzScene } from '../support/brz-scene.ts';
import { run } from '../support/command.ts';
import { needPrograms } from '../support/programs.ts';
import { sshUrl } from '../support/ssh-scene.ts';
import { Sshd } from '../support/sshd.ts';

describe('holdfast bzr', () => {
  let scene: BrzScene;

  before(async function () {
    needPrograms(this, 'brz', 'sshd', 'ssh', 'ssh-keygen', 'ps');
    scene = await BrzScene.create();
    await scene.serve();
  });

  after(() => scene?.remove());

  async function read(url: string, ...args: readonly string[]): Promise<Report> {
    const { out, err, code } = await run(['bzr', url, '--json', ...args], { env: environment() });
    expect(code, err).to.equal(0);
    return JSON.parse(out);
  }

  /** As a program on this machine has it. */
  function environment(): Record<string, string> {
    return { BRZ_HOME: scene.path('home'), SSH_AUTH_SOCK: '' };
  }

  function expectTrunk({ log, tags, ...rest }: Report, id: string): void {
    expect(rest).to.include({ number: 2, revisionId: id });
    expect(tags).to.deep.equal([{ name: 'v1', revisionId: id, number: 2 }]);
    expect(log.map(({ message }) => message)).to.deep.equal(['The second', 'The first']);
  }

  it('reads a branch of a server that listens, and one of this machine', async () => {
    const id = await scene.revisionId(2);
    expectTrunk(await read(`${scene.url}/trunk`), id);
    expectTrunk(await read(`${scene.url.replace('tcp', 'bzr')}/trunk/`), id);
    expectTrunk(await read(scene.path('trunk')), id);
  });

  for (const name of ['ssh', 'openssh'] as const) {
    it(`reads a branch over ${name}`, async () => {
      const sshd = await Sshd.start();
      try {
        const url = new URL(await sshUrl(sshd, name, {}));
        url.searchParams.delete('command');
        url.pathname = scene.path('trunk');
        const report = await read(url.href, '--program', 'brz');
        expectTrunk(report, await scene.revisionId(2));
      } finally {
        await sshd.stop();
      }
    });
  }

  for (const end of ['fin', 'reset'] as const) {
    it(`reads a branch whose connection is cut again and again (${end})`, async () => {
      const breaker = await Breaker.before(scene.url);
      try {
        // Room for the greeting, a question or two, and a part of the next.
        breaker.limit = 300;
        breaker.onLimit = (line) => line[end]();
        expectTrunk(await read(`${breaker.url}/trunk`), await scene.revisionId(2));
        expect(breaker.lines.length).to.be.above(3);
      } finally {
        await breaker.close();
      }
    });
  }
});

interface Report {
  readonly number: number;
  readonly revisionId: string;
  readonly tags: readonly unknown[];
  readonly log: readonly { readonly message: string }[];
}
