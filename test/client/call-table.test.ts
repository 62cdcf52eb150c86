import { expect } from 'chai';
import type { Call } from '../../lib/client/call.ts';
import { CallTable } from '../../lib/client/call-table.ts';
import { seededRandom } from '../../lib/testing/index.ts';
import { callOf } from './calls-of-tests.ts';

function add(table: CallTable): Call {
  const call = callOf(table.nextNumber());
  table.add(call);
  return call;
}

describe('CallTable', () => {
  it('numbers calls from 1, growing', () => {
    const table = new CallTable();
    const numbers = [add(table), add(table), add(table)].map(({ number }) => number);
    expect(numbers).to.deep.equal([1, 2, 3]);
  });

  it('keeps the next number until a call is added under it', () => {
    const table = new CallTable();
    expect(table.nextNumber()).to.equal(1);
    expect(table.nextNumber()).to.equal(1);
    table.add(callOf(1));
    expect(table.nextNumber()).to.equal(2);
  });

  it('finds a call by its number, until it is deleted', () => {
    const table = new CallTable();
    const call = add(table);
    expect(table.get(call.number)).to.equal(call);
    expect(table.get(call.number + 64)).to.equal(undefined);
    expect(table.get(0)).to.equal(undefined);
    table.delete(call);
    expect(table.get(call.number)).to.equal(undefined);
    expect(table.size).to.equal(0);
  });

  it('finds nothing for any number that a peer may send', () => {
    const table = new CallTable();
    for (let count = 0; count < 20; count++) add(table);
    for (const base of [2 ** 31, 2 ** 32, 2 ** 47, 2 ** 48 - 64]) {
      for (let offset = 0; offset < 64; offset++) {
        expect(table.get(base + offset)).to.equal(undefined);
        expect(table.wasGiven(base + offset)).to.equal(false);
      }
    }
  });

  it('C2: never gives a number twice, however long a call lasts', () => {
    const table = new CallTable();
    const lasting = add(table);
    const numbers = new Set([lasting.number]);
    for (let count = 0; count < 10_000; count++) {
      const call = add(table);
      expect(numbers.has(call.number)).to.equal(false);
      numbers.add(call.number);
      table.delete(call);
    }
    expect(table.get(lasting.number)).to.equal(lasting);
    expect(table.size).to.equal(1);
  });

  it('grows with the calls that are pending, and loses none', () => {
    const table = new CallTable();
    const calls = Array.from({ length: 5_000 }, () => add(table));
    expect(table.size).to.equal(5_000);
    for (const call of calls) expect(table.get(call.number)).to.equal(call);
  });

  it('gives growing numbers and finds every call in a long random run', () => {
    const random = seededRandom(11);
    const table = new CallTable();
    const pending = new Map<number, Call>();
    let last = 0;
    for (let step = 0; step < 20_000; step++) {
      const bound = step < 10_000 ? 300 : 3;
      if (pending.size < bound && random() < 0.6) {
        const call = add(table);
        expect(call.number).to.be.above(last);
        last = call.number;
        pending.set(call.number, call);
      } else if (pending.size > 0) {
        const calls = [...pending.values()];
        const call = calls[Math.floor(random() * calls.length)] as Call;
        pending.delete(call.number);
        table.delete(call);
      }
      expect(table.size).to.equal(pending.size);
    }
    for (let number = 0; number <= last + 100; number++) {
      expect(table.get(number)).to.equal(pending.get(number));
    }
  });

  it('knows which numbers it has given', () => {
    const table = new CallTable();
    expect(table.wasGiven(1)).to.equal(false);
    const call = add(table);
    table.delete(call);
    expect(table.wasGiven(1)).to.equal(true);
    expect(table.wasGiven(0)).to.equal(false);
    expect(table.wasGiven(-1)).to.equal(false);
    expect(table.wasGiven(table.nextNumber())).to.equal(false);
  });

  it('lists the calls that satisfy a test, oldest first, also when numbers wrap around its slots', () => {
    const table = new CallTable();
    for (let count = 0; count < 50; count++) table.delete(add(table));
    for (let count = 0; count < 30; count++) add(table);
    const even = table.filter(({ number }) => number % 2 === 0).map(({ number }) => number);
    expect(even).to.deep.equal(Array.from({ length: 15 }, (_, index) => 52 + 2 * index));
    expect(table.filter(() => false)).to.deep.equal([]);
  });
});
