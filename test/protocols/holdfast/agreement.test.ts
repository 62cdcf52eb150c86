import { expect } from 'chai';
import { Unpackr } from 'msgpackr';
import { HoldfastError } from '../../../lib/errors.ts';
import { inspectValue } from '../../../lib/protocols/holdfast/inspect.ts';
import { packValue, unpackValue } from '../../../lib/protocols/holdfast/values.ts';
import { Generator } from './generator.ts';

/** msgpackr as it is, told only what integers of 64 bits become. */
const reference = new Unpackr({
  useRecords: false,
  int64AsType: 'auto',
} as unknown as ConstructorParameters<typeof Unpackr>[0]);

function expectSame(bytes: Buffer, expected: unknown): void {
  inspectValue(bytes, 0, bytes.length);
  const copied = unpackValue(1, Buffer.from(bytes), 0, bytes.length, false);
  const owned = unpackValue(1, Buffer.from(bytes), 0, bytes.length, true);
  expect(copied).to.deep.equal(expected);
  expect(owned).to.deep.equal(expected);
}

describe('what is inspected and what msgpackr builds', () => {
  it('agree on random values that msgpackr has packed', () => {
    const generator = new Generator(1);
    for (let round = 0; round < 3_000; round++) {
      const { value } = generator.next();
      const bytes = Buffer.from(packValue(value));
      expectSame(bytes, reference.unpack(bytes));
      expectSame(bytes, value);
    }
  });

  it('agree on random values in every encoding that msgpack permits', () => {
    const generator = new Generator(2);
    for (let round = 0; round < 5_000; round++) {
      const { bytes, value } = generator.next();
      expect(reference.unpack(bytes), bytes.toString('hex')).to.deep.equal(value);
      expectSame(bytes, value);
    }
  });

  it('agree on values that were damaged', () => {
    const generator = new Generator(3);
    let taken = 0;
    let refused = 0;
    for (let round = 0; round < 8_000; round++) {
      const bytes = generator.damage(generator.next().bytes);
      try {
        inspectValue(bytes, 0, bytes.length);
      } catch (error) {
        expect((error as HoldfastError).code).to.equal('ERR_HOLDFAST_DECODE');
        refused++;
        continue;
      }
      // What passes the inspection is decoded whole, and never fails.
      taken++;
      const value = unpackValue(1, bytes, 0, bytes.length, false);
      expect(value, bytes.toString('hex')).to.deep.equal(reference.unpack(bytes));
    }
    expect(taken).to.be.greaterThan(500);
    expect(refused).to.be.greaterThan(500);
  });

  it('agree on noise', () => {
    const generator = new Generator(4);
    for (let round = 0; round < 8_000; round++) {
      const bytes = generator.noise();
      try {
        unpackValue(1, bytes, 0, bytes.length, round % 2 === 0);
      } catch (error) {
        expect(error).to.be.instanceOf(HoldfastError);
        expect((error as HoldfastError).code).to.equal('ERR_HOLDFAST_DECODE');
        expect(() => inspectValue(bytes, 0, bytes.length), bytes.toString('hex')).to.throw();
      }
    }
  });
});
