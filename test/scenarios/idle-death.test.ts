import { expect } from 'chai';
import { connect } from '../../lib/index.ts';
import { blockLoop } from '../support/busy.ts';
import { type EndWord, PeerProcess } from '../support/peer-process.ts';
import { verbs } from '../support/verbs.ts';

const rounds = 15;

describe('Promise 3: an idle connection that died costs no call', () => {
  let peer: PeerProcess;

  before(async () => {
    peer = await PeerProcess.start();
  });

  after(() => peer.stop());

  /** Where the code runs that blocks the loop: that decides how many turns the news needs. */
  const phases: Readonly<Record<string, () => Promise<void>>> = {
    'the continuation of a reply': async () => {},
    'an I/O callback': () => peer.echo(),
    'a timer': () => new Promise((resolve) => setTimeout(resolve, 1)),
    'an immediate': () => new Promise((resolve) => setImmediate(resolve)),
  };

  // A Unix socket has no reset of its own.
  const ends: readonly [medium: 'tcp' | 'unix', word: EndWord][] = [
    ['tcp', 'fin'],
    ['tcp', 'reset'],
    ['unix', 'fin'],
  ];

  for (const [medium, word] of ends) {
    for (const [phase, enter] of Object.entries(phases)) {
      // The scene as it is told: 300 ms. The others need no more than that the end arrives.
      const blockMs = medium === 'tcp' && phase === 'the continuation of a reply' ? 300 : 60;
      it(`makes ${rounds} of ${rounds} mutate calls over ${medium} when the peer ends with ${word} while ${phase} blocks the loop`, async function () {
        this.timeout(30_000);
        const url = peer.urls.find((candidate) => candidate.startsWith(medium)) as string;
        const names: string[] = [];
        for (let round = 0; round < rounds; round++) {
          // Shorter than the test's own limit, so that a call that fails says why.
          const client = connect(url, verbs, { timeoutMs: 8_000 });
          const name = `${medium} ${word} ${phase} ${round}`;
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
});
