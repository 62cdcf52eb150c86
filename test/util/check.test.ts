import { expect } from 'chai';
import { HoldfastError } from '../../lib/errors.ts';
import {
  anything,
  type Check,
  type Checks,
  maxTimerMs,
  milliseconds,
  ofType,
  oneOf,
  resolveOptions,
  show,
  wholeNumber,
} from '../../lib/util/check.ts';

interface Options {
  readonly timeoutMs?: number;
  readonly mode?: string;
}

const defaults = { timeoutMs: 100 };
const checks: Checks<Options> = { timeoutMs: milliseconds(1), mode: ofType('string') };

function resolve(given: unknown): unknown {
  return resolveOptions('test option', given as Options, defaults, checks);
}

/** The check must take the first values and refuse the others, with the option's name. */
function expectChecks(check: Check, taken: readonly unknown[], refused: readonly unknown[]): void {
  for (const value of taken) check('some', value);
  for (const value of refused) {
    expect(() => check('some', value), String(value))
      .to.throw(HoldfastError, /^Option "some" must be /)
      .that.includes({ code: 'ERR_HOLDFAST_OPTION', final: true });
  }
}

describe('resolveOptions', () => {
  it('fills in the defaults and freezes', () => {
    expect(resolve(undefined)).to.deep.equal({ timeoutMs: 100 });
    expect(resolve({})).to.deep.equal({ timeoutMs: 100 });
    expect(resolve({ mode: 'm' })).to.deep.equal({ timeoutMs: 100, mode: 'm' });
    expect(resolve({ timeoutMs: 5 })).to.deep.equal({ timeoutMs: 5 });
    expect(resolve({})).to.be.frozen;
  });

  it('takes undefined as the default, and not null', () => {
    expect(resolve({ timeoutMs: undefined })).to.deep.equal({ timeoutMs: 100 });
    expect(() => resolve({ timeoutMs: null })).to.throw('got null');
  });

  it('refuses unknown names and suggests the right one', () => {
    expect(() => resolve({ timoutMs: 5 }))
      .to.throw(HoldfastError, 'Unknown test option "timoutMs"; did you mean "timeoutMs"?')
      .with.property('code', 'ERR_HOLDFAST_OPTION');
    expect(() => resolve({ nothingLikeIt: undefined })).to.throw(
      /^Unknown test option "nothingLikeIt"$/,
    );
  });

  it('takes no name from a prototype for an option', () => {
    for (const name of ['toString', 'constructor', 'hasOwnProperty']) {
      expect(() => resolve({ [name]: 1 })).to.throw(`Unknown test option "${name}"`);
    }
    const hostile = JSON.parse('{"__proto__":{"timeoutMs":7}}') as object;
    expect(() => resolve(hostile)).to.throw('Unknown test option "__proto__"');
  });

  it('refuses what is no object', () => {
    for (const given of [null, 5, 'text', true]) {
      expect(() => resolve(given)).to.throw(HoldfastError, 'test option must be an object');
    }
  });

  it('leaves what it was given as it was', () => {
    const given = Object.freeze({ mode: 'm' });
    resolve(given);
    expect(given).to.deep.equal({ mode: 'm' });
  });
});

describe('checks', () => {
  it('know milliseconds that a timer can take', () => {
    expectChecks(
      milliseconds(),
      [0, 0.5, 1, maxTimerMs],
      [-1, maxTimerMs + 1, Number.NaN, Number.POSITIVE_INFINITY, '5', null, 5n, {}],
    );
    expectChecks(milliseconds(1, 10), [1, 9.9, 10], [0.99, 10.1]);
  });

  it('know whole numbers within bounds', () => {
    expectChecks(
      wholeNumber(1),
      [1, 2, Number.MAX_SAFE_INTEGER],
      [0, 1.5, -1, Number.NaN, Number.MAX_SAFE_INTEGER + 1, '1', null, 1n],
    );
    expectChecks(wholeNumber(0, 255), [0, 255], [256]);
  });

  it('know words', () => {
    expectChecks(oneOf(['one', 'two']), ['one', 'two'], ['three', '', 'ONE', 1, null, ['one']]);
    expect(() => oneOf(['one', 'two'])('some', 3)).to.throw('must be one of "one", "two", got 3');
  });

  it('know types', () => {
    expectChecks(ofType('boolean'), [true, false], [0, null, 'true']);
    expectChecks(ofType('string'), ['', 'a'], [1, null]);
    expectChecks(ofType('function'), [() => 1, class {}], [{}, null]);
    expectChecks(ofType('object'), [{}, []], [null, 'text', () => 1]);
  });

  it('let anything pass where the type system says enough', () => {
    for (const value of [undefined, null, 5, {}]) anything('some', value);
  });
});

describe('show', () => {
  it('shows any value on one short line', () => {
    const cases: readonly [value: unknown, shown: string][] = [
      ['text', '"text"'],
      ['two\nlines', '"two\\nlines"'],
      [5, '5'],
      [5n, '5'],
      [null, 'null'],
      [undefined, 'undefined'],
      [Symbol('s'), 'Symbol(s)'],
      [[1, 2], 'an array'],
      [{ a: 1 }, 'an object'],
      [() => 1, 'a function'],
    ];
    for (const [value, shown] of cases) expect(show(value)).to.equal(shown);
    expect(show('x'.repeat(1_000)).length).to.be.below(90);
  });

  it('asks nothing of a hostile object', () => {
    const hostile = {
      toString() {
        throw new Error('asked');
      },
    };
    expect(show(hostile)).to.equal('an object');
  });
});
