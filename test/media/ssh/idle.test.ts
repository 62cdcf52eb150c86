import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { connect } from '../../../lib/index.ts';
import { blockLoop } from '../../support/busy.ts';
import { type EndWord, PeerProcess } from '../../support/peer-process.ts';
import { verbs } from '../../support/verbs.ts';

const rounds = 10;
const program = fileURLToPath(new URL('../../support/idle-main.ts', import.meta.url));
const run = promisify(execFile);

describe('An idle ssh connection', () => {
  let peer: PeerProcess;
  let url: string;

  before(async () => {
    peer = await PeerProcess.start({ hasSsh: true });
    url = peer.urls.find((candidate) => candidate.startsWith('ssh:')) as string;
  });

  after(() => peer.stop());

  /** Where the code runs that blocks the loop: that decides how many turns the news needs. */
  const phases: Readonly<Record<string, () => Promise<void>>> = {
    'the continuation of a reply': async () => {},
    'an I/O callback': () => peer.echo(),
    'a timer': () => new Promise((resolve) => setTimeout(resolve, 1)),
    'an immediate': () => new Promise((resolve) => setImmediate(resolve)),
  };
  const words: readonly EndWord[] = ['fin', 'reset'];

  for (const word of words) {
    for (const [phase, enter] of Object.entries(phases)) {
      const blockMs = phase === 'the continuation of a reply' ? 300 : 60;
      it(`costs no mutate call, ${rounds} of ${rounds}, when it ends with ${word} while ${phase} blocks the loop`, async function () {
        this.timeout(30_000);
        const names: string[] = [];
        for (let round = 0; round < rounds; round++) {
          const client = connect(url, verbs);
          const name = `${word} ${phase} ${round}`;
          names.push(name);
          await client.call.read('a good call first');
          await enter();
          peer.endAllIn(blockMs / 3, word);
          blockLoop(blockMs);
          expect(await client.call.mutate(name)).to.equal(`done ${name}`);
          await client.close();
        }
        const counts = await peer.executions();
        expect(names.map((name) => counts[name])).to.deep.equal(names.map(() => 1));
      });
    }
  }

  for (const [what, text] of [
    ['call', 'done x'],
    ['ready', 'ready'],
  ] as const) {
    it(`does not keep the process alive, nor does its keepalive (${what})`, async () => {
      const startedAt = performance.now();
      const { stdout } = await run(process.execPath, ['--import=tsx', program, url, what], {
        timeout: 25_000,
      });
      expect(stdout.trim()).to.equal(text);
      expect(performance.now() - startedAt).to.be.below(20_000);
    });
  }
});
