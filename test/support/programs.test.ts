import { expect } from 'chai';
import sinon from 'sinon';
import { needPrograms } from './programs.ts';

describe('needPrograms', () => {
  const skip = sinon.stub();
  const context = { skip } as unknown as Mocha.Context;
  let ci: string | undefined;
  let log: sinon.SinonStub;

  beforeEach(() => {
    ci = process.env['CI'];
    skip.resetHistory();
    log = sinon.stub(console, 'log');
  });

  afterEach(() => {
    sinon.restore();
    if (ci === undefined) delete process.env['CI'];
    else process.env['CI'] = ci;
  });

  it('lists by name what is missing, says how to install it, and skips', () => {
    delete process.env['CI'];
    needPrograms(context, 'sh', 'no-such-program', 'nor-this');
    const said = 'Missing: no-such-program, nor-this. Install with: apt-get install ';
    expect(log.args).to.deep.equal([[`${said}no-such-program nor-this`]]);
    expect(skip.callCount).to.equal(1);
  });

  it('fails rather than skips when CI is set', () => {
    process.env['CI'] = 'true';
    expect(() => needPrograms(context, 'no-such-program')).to.throw(
      'Missing: no-such-program. Install with: apt-get install no-such-program',
    );
    expect(skip.callCount).to.equal(0);
  });

  it('says nothing when everything is there', () => {
    process.env['CI'] = 'true';
    needPrograms(context, 'sh');
    expect(skip.callCount).to.equal(0);
  });
});
