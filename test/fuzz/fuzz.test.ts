import { expect } from 'chai';
import { seededRandom } from '../../lib/testing/index.ts';
import { TriedServer } from '../support/tried-server.ts';
import { Corpus } from './corpus.ts';
import { nextInput, tryInput } from './fuzz.ts';
import { harass } from './harass.ts';
import { targets } from './targets.ts';

/** Of each target; `npm run fuzz` tries many more, and is guided by coverage. */
const inputCount = 400;

describe('What takes bytes from outside', () => {
  for (const target of targets) {
    it(`bears whatever comes: ${target.name}`, () => {
      const pool = [...new Corpus(target.name).inputs, ...target.seeds];
      for (const input of pool) tryInput(target, input);
      const random = seededRandom(4711);
      for (let count = 0; count < inputCount; count++) {
        tryInput(target, nextInput(target, pool, random));
      }
    });
  }

  it('finds an input that is too much, and makes it small', () => {
    const target = {
      ...{ name: 'trap', seeds: [Buffer.from('harmless')], words: [Buffer.from('!?')] },
      take: (input: Buffer) => {
        if (input.includes('!?')) throw new Error('trapped');
      },
    };
    const random = seededRandom(1);
    const search = (): void => {
      for (;;) tryInput(target, nextInput(target, target.seeds, random));
    };
    expect(search).to.throw('trap does not bear 213f ("!?"): trapped');
  });
});

describe('A server among clients that send whatever they like', () => {
  it('goes on serving the others, keeps no connection of theirs, and holds no memory for them', async function () {
    this.timeout(30_000);
    const tried = await TriedServer.withBystander();
    await harass(tried.url, seededRandom(4711), 150);
    tried.openAll();
    // The bystander's is left.
    expect(await tried.connections()).to.equal(1);
    expect(tried.faults).to.include.members(['ERR_HOLDFAST_PROTOCOL', 'ERR_HOLDFAST_DECODE']);
    await tried.stop();
  });
});
