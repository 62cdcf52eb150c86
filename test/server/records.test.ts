import { expect } from 'chai';
import { RecordBudget, type RecordedFrame, Records } from '../../lib/server/records.ts';
import { seededRandom } from '../../lib/testing/index.ts';

/** Most answers that one session keeps. */
const maxKept = 65_536;

function frameOf(text: string, body?: Uint8Array): RecordedFrame {
  // Inside other bytes, as in a writer's slab.
  const buffer = Buffer.from(`..${text}..`);
  return { buffer, start: 2, end: buffer.length - 2, body };
}

function textOf({ buffer, start, end, body }: RecordedFrame): string {
  return buffer.toString('latin1', start, end) + Buffer.from(body ?? []).toString('latin1');
}

describe('Records', () => {
  let budget: RecordBudget;
  let records: Records;

  beforeEach(() => {
    budget = new RecordBudget(1_000_000);
    records = new Records(budget);
  });

  it('have never seen a number that they were not told of', () => {
    expect(records.isEmpty).to.equal(true);
    expect(records.fateOf(1)).to.equal('never');
    expect(records.fateOf(2 ** 48 - 1)).to.equal('never');
  });

  it('give back what they keep, with its body', () => {
    records.keep(7, frameOf('head ', Buffer.from('body')));
    expect(records.fateOf(7)).to.equal('done');
    expect(textOf(records.frameOf(7))).to.equal('head body');
    expect(budget.bytes).to.equal(9);
  });

  it('let go of an answer that is settled before others, and do not take its number for new', () => {
    for (const number of [7, 8, 9]) records.keep(number, frameOf(`answer ${number}`));
    records.settle(8);
    records.settle(8);
    records.settle(1_000);
    expect([7, 8, 9].map((number) => records.fateOf(number))).to.deep.equal([
      'done',
      'forgotten',
      'done',
    ]);
    expect(records.fateOf(1_000)).to.equal('never');
    expect(budget.bytes).to.equal(16);
    records.acknowledge(10);
    expect([budget.bytes, records.isEmpty]).to.deep.equal([0, true]);
  });

  it('keep a body without copying it, unless they would hold on to much more than that', () => {
    const whole = new Uint8Array(5_000);
    records.keep(7, frameOf('', whole));
    expect(records.frameOf(7).body).to.equal(whole);
    records.keep(8, frameOf('', new Uint8Array(1_000_000).subarray(10, 5_010)));
    expect(records.frameOf(8).body?.buffer.byteLength).to.be.below(20_000);
  });

  it('know of a number without an answer only that it was there', () => {
    records.forget(7);
    expect(records.fateOf(7)).to.equal('forgotten');
    expect([6, 8].map((number) => records.fateOf(number))).to.deep.equal(['never', 'never']);
    expect(budget.bytes).to.equal(0);
  });

  it('keep the later of two answers to one number and count it once', () => {
    records.keep(7, frameOf('first'));
    records.keep(7, frameOf('second'));
    expect(textOf(records.frameOf(7))).to.equal('second');
    expect(budget.bytes).to.equal(6);
    records.forget(7);
    expect([records.fateOf(7), budget.bytes]).to.deep.equal(['forgotten', 0]);
    records.acknowledge(8);
    expect(records.isEmpty).to.equal(true);
  });

  it('let go of what is acknowledged, and no more', () => {
    for (let number = 1; number <= 40; number++) records.keep(number, frameOf('12345'));
    records.acknowledge(31);
    expect(records.fateOf(30)).to.equal('forgotten');
    expect(records.fateOf(31)).to.equal('done');
    expect(budget.bytes).to.equal(50);
    // The mark never goes back.
    records.acknowledge(3);
    expect(records.fateOf(30)).to.equal('forgotten');
    records.acknowledge(2 ** 48 - 1);
    expect([records.isEmpty, budget.bytes]).to.deep.equal([true, 0]);
  });

  it('keep nothing that was acknowledged before it came', () => {
    records.acknowledge(10);
    records.keep(9, frameOf('late'));
    records.forget(8);
    expect([8, 9].map((number) => records.fateOf(number))).to.deep.equal([
      'forgotten',
      'forgotten',
    ]);
    expect([records.isEmpty, budget.bytes]).to.deep.equal([true, 0]);
  });

  it('keep numbers up to the largest, in the wrong order and far apart', () => {
    const numbers = [2 ** 48 - 1, 1, 2 ** 32, 2 ** 31, 2 ** 31 + 1, 2 ** 40 + 5];
    for (const number of numbers) records.keep(number, frameOf(`answer ${number}`));
    for (const number of numbers.filter((one) => records.fateOf(one) === 'done')) {
      expect(textOf(records.frameOf(number))).to.equal(`answer ${number}`);
    }
    for (const number of numbers) expect(records.fateOf(number)).to.not.equal('never');
    expect(records.fateOf(2 ** 48 - 1)).to.equal('done');
    records.acknowledge(2 ** 48);
    expect([records.isEmpty, budget.bytes]).to.deep.equal([true, 0]);
  });

  it('keep no more than so many, and call nothing new that had to go', () => {
    const more = 100;
    budget = new RecordBudget(10_000_000);
    records = new Records(budget);
    for (let number = 1; number <= maxKept + more; number++) records.keep(number, frameOf('1'));
    expect(budget.bytes - records.tableBytes).to.equal(maxKept);
    expect([1, more, more + 1].map((number) => records.fateOf(number))).to.deep.equal([
      'forgotten',
      'forgotten',
      'done',
    ]);
    // An old call that ends only now does not push a newer one out.
    records.keep(more, frameOf('late'));
    expect(records.fateOf(more)).to.equal('forgotten');
    expect(records.fateOf(more + maxKept)).to.equal('done');
    expect(records.fateOf(maxKept + more + 1)).to.equal('never');
  });

  it('do not let numbers that are far apart take more memory than the budget has', () => {
    budget = new RecordBudget(100_000);
    const sessions = Array.from({ length: 20 }, () => new Records(budget));
    for (const session of sessions) {
      session.keep(1, frameOf('1'));
      session.keep(1 + maxKept / 2, frameOf('2'));
      expect(session.fateOf(1 + maxKept / 2)).to.equal('done');
      expect(session.fateOf(1)).to.be.oneOf(['done', 'forgotten']);
    }
    expect(budget.bytes).to.be.at.most(100_000);
    for (const session of sessions) session.acknowledge(maxKept);
    expect(sessions.reduce((sum, { tableBytes }) => sum + tableBytes, 0)).to.equal(budget.bytes);
    for (const session of sessions) session.clear();
    expect(budget.bytes).to.equal(0);
  });

  it('share one budget, and take what another gave back', () => {
    budget = new RecordBudget(10);
    const [one, other] = [new Records(budget), new Records(budget)];
    one.keep(1, frameOf('12345678'));
    other.keep(1, frameOf('123'));
    expect(other.fateOf(1)).to.equal('forgotten');
    other.keep(2, frameOf('12'));
    expect(other.fateOf(2)).to.equal('done');
    one.clear();
    expect(budget.bytes).to.equal(2);
    other.keep(3, frameOf('12345678'));
    expect(other.fateOf(3)).to.equal('done');
  });

  it('call nothing new up to a number that they are told to forget up to', () => {
    records.forgetUpTo(5);
    records.forgetUpTo(3);
    expect([5, 6].map((number) => records.fateOf(number))).to.deep.equal(['forgotten', 'never']);
    records.keep(4, frameOf('4'));
    expect(records.fateOf(4)).to.equal('done');
  });

  for (let seed = 1; seed <= 20; seed++) {
    it(`agree with a plain map, whatever happens (seed ${seed})`, () => {
      const random = seededRandom(seed);
      const below = (limit: number): number => Math.floor(random() * limit);
      const model = new Model();
      let next = ([0, 2 ** 31 - 500, 2 ** 32 - 500, 2 ** 48 - 3_000][seed % 4] as number) + 1;
      for (let step = 0; step < 2_000; step++) {
        next += below(3);
        const number = Math.max(1, next - below(200));
        const chance = random();
        for (const either of [model, records]) act(either, chance, number, `${number}/${step}`);
        const asked = Math.max(1, next + 20 - below(260));
        const fate = records.fateOf(asked);
        expect(fate, `${asked}`).to.equal(model.fateOf(asked));
        if (fate === 'done') expect(textOf(records.frameOf(asked))).to.equal(model.textOf(asked));
      }
      expect(budget.bytes - records.tableBytes).to.equal(model.bytes);
      expect(records.isEmpty).to.equal(model.isEmpty);
      records.clear();
      expect([records.isEmpty, budget.bytes]).to.deep.equal([true, 0]);
    });
  }
});

function act(records: Records | Model, chance: number, number: number, text: string): void {
  if (chance < 0.6) records.keep(number, frameOf(text));
  else if (chance < 0.8) records.forget(number);
  else if (chance < 0.85) records.acknowledge(number);
}

/** What records are, without slots, slabs and bounds. */
class Model {
  readonly #texts = new Map<number, string | undefined>();
  #acknowledged = 0;

  get isEmpty(): boolean {
    return this.#texts.size === 0;
  }

  get bytes(): number {
    return [...this.#texts.values()].reduce((sum, text) => sum + (text?.length ?? 0), 0);
  }

  keep(number: number, frame: RecordedFrame): void {
    if (number >= this.#acknowledged) this.#texts.set(number, textOf(frame));
  }

  forget(number: number): void {
    if (number >= this.#acknowledged) this.#texts.set(number, undefined);
  }

  acknowledge(number: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, number);
    for (const old of this.#texts.keys()) if (old < this.#acknowledged) this.#texts.delete(old);
  }

  fateOf(number: number): string {
    if (!this.#texts.has(number)) return number < this.#acknowledged ? 'forgotten' : 'never';
    return this.#texts.get(number) === undefined ? 'forgotten' : 'done';
  }

  textOf(number: number): string | undefined {
    return this.#texts.get(number);
  }
}
