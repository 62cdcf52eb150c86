import { expect } from 'chai';
import { contentCheck } from '../../lib/client/content.ts';
import { checkInput } from '../../lib/client/schemas.ts';
import { VerbUse } from '../../lib/client/verb-use.ts';
import { HoldfastError } from '../../lib/errors.ts';
import {
  describeIssues,
  isSchema,
  type StandardResult,
  type StandardSchema,
} from '../../lib/verbs/schema.ts';

type Validate = (value: unknown) => StandardResult<unknown> | Promise<StandardResult<unknown>>;

function schema(validate: Validate): StandardSchema {
  return { '~standard': { version: 1, vendor: 'test', validate } };
}

/** Takes numbers, gives them doubled. */
const doubling = schema((value) =>
  typeof value === 'number'
    ? { value: value * 2 }
    : { issues: [{ message: 'must be a number', path: ['a', { key: 'b' }, 0] }] },
);

describe('schemas', () => {
  it('are told by their contract', () => {
    expect(isSchema(doubling)).to.equal(true);
    expect(isSchema(Object.assign(() => {}, doubling))).to.equal(true);
    for (const other of [
      null,
      undefined,
      {},
      { '~standard': {} },
      { '~standard': null },
      'text',
      5,
    ]) {
      expect(isSchema(other)).to.equal(false);
    }
  });

  it('have issues that fit on one line', () => {
    expect(describeIssues([{ message: 'is wrong' }])).to.equal('is wrong');
    expect(describeIssues([{ message: 'is wrong', path: [] }])).to.equal('is wrong');
    const path = ['list', 3, { key: 'name' }, Symbol('s')];
    expect(describeIssues([{ message: 'is wrong', path }])).to.equal(
      'list.3.name.Symbol(s): is wrong',
    );
    const many = Array.from({ length: 9 }, (_, index) => ({ message: `issue ${index}` }));
    expect(describeIssues(many).split('; ').length).to.equal(5);
  });

  it("refuse a call's input before anything is sent", () => {
    const verb = new VerbUse('double', undefined, { input: doubling });
    expect(checkInput(verb, 5)).to.equal(undefined);
    let error: unknown;
    try {
      void checkInput(verb, 'five');
    } catch (thrown) {
      error = thrown;
    }
    expect(error).to.be.instanceOf(HoldfastError);
    expect(error).to.include({
      code: 'ERR_HOLDFAST_INPUT',
      outcome: 'not-executed',
      final: true,
      verb: 'double',
    });
    expect((error as Error).message).to.contain('a.b.0: must be a number');
  });

  it('shape a reply, and refuse one that does not pass', async () => {
    const verb = new VerbUse('double', undefined, { output: doubling });
    const check = contentCheck(verb, undefined);
    expect(check?.(5)).to.deep.equal({ isGood: true, output: 10 });
    expect(check?.('five')).to.deep.equal({ isGood: false, why: 'a.b.0: must be a number' });
  });

  it('may take their time', async () => {
    const slow = schema(async (value) => ({ value: [value] }));
    const verb = new VerbUse('slow', undefined, { input: slow, output: slow });
    await checkInput(verb, 1);
    const content = await contentCheck(verb, undefined)?.(1);
    expect(content).to.deep.equal({ isGood: true, output: [1] });
  });

  it('are not needed', () => {
    const verb = new VerbUse('plain');
    expect(checkInput(verb, { any: 'thing' })).to.equal(undefined);
    expect(contentCheck(verb, undefined)).to.equal(undefined);
  });
});
