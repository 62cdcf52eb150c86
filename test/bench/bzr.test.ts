import { expect } from 'chai';
import { standingOf, type Tried, verdictOf } from '../../bench/bzr/compare.ts';
import type { Answer } from '../../bench/bzr/contender.ts';
import { nameOf, RequestReader } from '../../bench/bzr/requests.ts';
import { encodeRequest } from '../../lib/protocols/bzr/request.ts';

const success: Answer = { is: 'answer', words: [], sha1: '', ms: 5 };
const silent: Answer = { is: 'failure', told: 'lost', ms: 5 };
const hang: Answer = { is: 'hang', ms: 5 };

function telling(outcome: 'not-executed' | 'executed' | 'unknown'): Answer {
  return { is: 'failure', told: 'lost', outcome, ms: 5 };
}

function tried(answer: Answer, more: Partial<Tried> = {}): Tried {
  return { title: 'append', answer, isRight: true, ran: 1, isUnsafe: true, ...more };
}

describe('The comparison of two clients', () => {
  it('finds harm in a call that ran twice, a lost effect, and the answer to another call', () => {
    expect(standingOf(tried(success))).to.equal('succeeded');
    expect(standingOf(tried(success, { ran: 2 }))).to.equal('harm');
    expect(standingOf(tried(silent, { ran: 2 }))).to.equal('harm');
    expect(standingOf(tried(success, { ran: 0 }))).to.equal('harm');
    expect(standingOf(tried(success, { isRight: false }))).to.equal('harm');
  });

  it('finds none in a read that ran twice, or of which nobody knows how often', () => {
    expect(standingOf(tried(success, { ran: 2, isUnsafe: false }))).to.equal('succeeded');
    expect(standingOf(tried(success, { ran: undefined }))).to.equal('succeeded');
  });

  it('believes what is told of a call only when it is so', () => {
    expect(standingOf(tried(silent))).to.equal('failed');
    expect(standingOf(tried(telling('unknown')))).to.equal('failed, told');
    expect(standingOf(tried(telling('executed')))).to.equal('failed, told');
    expect(standingOf(tried(telling('not-executed')))).to.equal('harm');
    expect(standingOf(tried(telling('executed'), { ran: 0 }))).to.equal('harm');
    expect(standingOf(tried(telling('not-executed'), { ran: 0 }))).to.equal('failed, told');
  });

  it('puts success over what is told, that over failure, that over silence and that over harm', () => {
    const ladder = [
      tried(success),
      tried(telling('unknown')),
      tried(silent),
      tried(hang),
      tried(silent, { ran: 2 }),
    ];
    for (const [at, better] of ladder.entries()) {
      expect(verdictOf([better], [better])).to.equal('ties');
      for (const worse of ladder.slice(at + 1)) {
        expect(verdictOf([better], [worse])).to.equal('wins');
        expect(verdictOf([worse], [better])).to.equal('loses');
      }
    }
  });

  it('lets one call that is worse decide against a row', () => {
    const better = [tried(success), tried(silent)];
    expect(verdictOf(better, [tried(hang), tried(success)])).to.equal('loses');
    expect(verdictOf(better, [tried(hang), tried(silent)])).to.equal('wins');
  });

  it('counts time only where both succeed, and only when it is much', () => {
    const slow = tried({ ...success, ms: 2_000 });
    expect(verdictOf([slow], [tried(success)])).to.equal('loses');
    expect(verdictOf([tried(success)], [slow])).to.equal('wins');
    expect(verdictOf([tried({ ...success, ms: 400 })], [tried(success)])).to.equal('ties');
    expect(verdictOf([tried({ ...silent, ms: 2_000 })], [tried(silent)])).to.equal('ties');
  });
});

describe('The reader of requests', () => {
  it('names each request when its last byte has come, wherever it is torn', () => {
    const requests = [
      encodeRequest('has', { args: ['trunk', 'b:c'] }),
      encodeRequest('append', { args: ['e', ''], body: [Buffer.from('see'), Buffer.from('')] }),
      encodeRequest('hello', {}),
    ];
    const bytes = Buffer.concat(
      requests.flatMap(({ head, rest = Buffer.alloc(0) }) => [head, rest]),
    );
    const names = [
      nameOf('has', ['trunk', 'b:c']),
      nameOf('append', ['e', '']),
      nameOf('hello', []),
    ];
    for (const size of [1, 2, 7, 50, bytes.length]) {
      const reader = new RequestReader();
      const read: string[] = [];
      for (let at = 0; at < bytes.length - 1; at += size) {
        read.push(...reader.push(bytes.subarray(at, Math.min(at + size, bytes.length - 1))));
      }
      expect(read, `pieces of ${size}`).to.deep.equal(names.slice(0, 2));
      expect(reader.push(bytes.subarray(-1))).to.deep.equal(names.slice(2));
    }
  });
});
