import { expect } from 'chai';
import { type HandOver, Ledger } from '../../lib/media/ledger.ts';

/** Writes that were submitted, in order; and whether the last one failed. */
function ledger(writes: readonly number[], failed = false): Ledger {
  const made = new Ledger();
  for (const byteLength of writes) made.submit(byteLength);
  if (failed) made.fail();
  return made;
}

/**
 * What may be concluded, said differently: of a message whose bytes are numbered `start` to `end`,
 * by looking at each single byte.
 */
function concluded(
  start: number,
  end: number,
  writes: readonly number[],
  failed: boolean,
): HandOver {
  const submitted = writes.reduce((sum, byteLength) => sum + byteLength, 0);
  const bytes = Array.from({ length: end - start }, (_, index) => start + index);
  if (bytes.every((byte) => byte >= submitted)) return 'untouched';
  if (bytes.some((byte) => byte >= submitted)) return 'incomplete';
  // The failed write was not taken whole, so its last byte certainly was not.
  return failed && bytes.includes(submitted - 1) ? 'incomplete' : 'handed-over';
}

describe('Ledger', () => {
  it('knows nothing but untouched messages before the first write', () => {
    expect(ledger([]).submitted).to.equal(0);
    expect(ledger([]).judge(0, 10)).to.equal('untouched');
  });

  it('judges every interval as what its bytes prove, with and without a failure', () => {
    const cases = [[10], [1], [4, 4], [3, 1, 6], [1, 1, 1, 1]];
    for (const writes of cases) {
      for (const failed of [false, true]) {
        const made = ledger(writes, failed);
        for (let start = 0; start < 14; start++) {
          for (let end = start + 1; end <= 14; end++) {
            expect(made.judge(start, end), `[${start}, ${end}) of ${writes}, ${failed}`).to.equal(
              concluded(start, end, writes, failed),
            );
          }
        }
      }
    }
  });

  it('takes a failure as proof for the last message of the failed write alone', () => {
    const made = ledger([100, 60], true);
    expect(made.judge(0, 100), 'an earlier write').to.equal('handed-over');
    expect(made.judge(100, 120), 'first in the failed write').to.equal('handed-over');
    expect(made.judge(120, 160), 'last in the failed write').to.equal('incomplete');
    expect(made.judge(80, 160), 'begun before it').to.equal('incomplete');
    expect(made.judge(160, 170), 'behind it').to.equal('untouched');
  });

  it('takes no news as no proof', () => {
    const made = ledger([100]);
    expect(made.judge(0, 100)).to.equal('handed-over');
    expect(made.judge(50, 101)).to.equal('incomplete');
    expect(made.judge(100, 101)).to.equal('untouched');
  });
});
