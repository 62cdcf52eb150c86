import { expect } from 'chai';
import { mutants } from './mutants.ts';
import { checkFits, edited } from './mutate.ts';

describe('The defects that the simulator must find', () => {
  it('have names of their own', () => {
    expect(mutants).to.have.length.of.at.least(10);
    expect(new Set(mutants.map(({ name }) => name)).size).to.equal(mutants.length);
  });

  for (const mutant of mutants) it(`fit the code: ${mutant.name}`, () => checkFits(mutant));

  it('do not fit where they would change nothing, or more than one place', () => {
    const edit = { file: 'a file', find: 'x', replace: 'y' };
    expect(edited('axb', edit)).to.equal('ayb');
    expect(() => edited('ab', edit)).to.throw('a file has this 0 times');
    expect(() => edited('xax', edit)).to.throw('a file has this 2 times');
  });
});
