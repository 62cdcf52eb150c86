import { expect } from 'chai';
import { nearest, suggestion } from '../../lib/util/nearest.ts';

const names = ['timeoutMs', 'attemptTimeoutMs', 'maxAttempts', 'replay', 'get'];

describe('nearest', () => {
  it('finds the name that a slip was meant to be', () => {
    const slips: readonly [slip: string, meant: string][] = [
      ['timeoutMS', 'timeoutMs'],
      ['timoutMs', 'timeoutMs'],
      ['timeout', 'timeoutMs'],
      ['maxAtempts', 'maxAttempts'],
      ['reply', 'replay'],
      ['REPLAY', 'replay'],
      ['gte', 'get'],
      ['attemptTimeout', 'attemptTimeoutMs'],
    ];
    for (const [slip, meant] of slips) expect(nearest(slip, names), slip).to.equal(meant);
  });

  it('finds nothing when nothing is near', () => {
    for (const name of ['completely different', 'xyzxyz', '', 'signal']) {
      expect(nearest(name, names), name).to.equal(undefined);
    }
    expect(nearest('timeoutMs', [])).to.equal(undefined);
  });

  it('prefers the nearest, and of those the first', () => {
    expect(nearest('abcd', ['abxx', 'abcx', 'abce'])).to.equal('abcx');
    expect(nearest('abcd', ['abcd', 'abce'])).to.equal('abcd');
  });

  it('measures insertions, deletions and substitutions alike', () => {
    expect(nearest('kitten', ['sitting'])).to.equal(undefined);
    expect(nearest('kitten', ['sitten'])).to.equal('sitten');
    expect(nearest('kitten', ['kittens'])).to.equal('kittens');
    expect(nearest('kitten', ['itten'])).to.equal('itten');
    expect(nearest('ab', ['ba'])).to.equal('ba');
  });
});

describe('suggestion', () => {
  it('asks, or says nothing', () => {
    expect(suggestion('timoutMs', names)).to.equal('; did you mean "timeoutMs"?');
    expect(suggestion('nothing like it', names)).to.equal('');
  });
});
