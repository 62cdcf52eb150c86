import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { connect } from '../../lib/index.ts';
import { tls } from '../../lib/media/tls.ts';
import { blockLoop } from '../support/busy.ts';
import { Authority } from '../support/certificates.ts';
import { type EndWord, PeerProcess } from '../support/peer-process.ts';
import { verbs } from '../support/verbs.ts';

const rounds = 8;

/** No more than that the end arrives. */
const blockMs = 60;

describe('Promise 3, over TLS: an idle connection that died costs no call', () => {
  const authority = new Authority();
  let folder: string;
  let peer: PeerProcess;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    const { cert, key } = authority.issue({ addresses: ['127.0.0.1'] });
    const files = { cert: join(folder, 'cert'), key: join(folder, 'key') };
    await Promise.all([writeFile(files.cert, cert), writeFile(files.key, key)]);
    peer = await PeerProcess.start({ listen: `tls://127.0.0.1:0?${new URLSearchParams(files)}` });
  });

  after(async () => {
    await peer.stop();
    await rm(folder, { recursive: true });
  });

  /** Where the code runs that blocks the loop: that decides how many turns the news needs. */
  const phases: Readonly<Record<string, () => Promise<void>>> = {
    'the continuation of a reply': async () => {},
    'an I/O callback': () => peer.echo(),
    'a timer': () => new Promise((resolve) => setTimeout(resolve, 1)),
    'an immediate': () => new Promise((resolve) => setImmediate(resolve)),
  };

  for (const word of ['fin', 'reset'] satisfies EndWord[]) {
    for (const [phase, enter] of Object.entries(phases)) {
      it(`makes ${rounds} of ${rounds} mutate calls when the peer ends with ${word} while ${phase} blocks the loop`, async () => {
        const port = Number(new URL(peer.urls[2] as string).port);
        const names: string[] = [];
        for (let round = 0; round < rounds; round++) {
          const client = connect(tls({ port, ca: authority.cert }), verbs);
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
});
