import { expect } from 'chai';
import type { Call } from '../../lib/client/call.ts';
import { CallQueue } from '../../lib/client/call-queue.ts';
import { seededRandom } from '../../lib/testing/index.ts';
import { collectGarbage } from '../support/garbage.ts';
import { callOf } from './calls-of-tests.ts';

/** Takes everything out; gives the numbers in order. */
function drain(queue: CallQueue): number[] {
  const numbers: number[] = [];
  for (let call = queue.shift(); call !== undefined; call = queue.shift())
    numbers.push(call.number);
  return numbers;
}

function filled(...numbers: number[]): { queue: CallQueue; calls: Call[] } {
  const queue = new CallQueue();
  const calls = numbers.map((number) => callOf(number));
  for (const call of calls) queue.push(call);
  return { queue, calls };
}

/** A queue and a plain list to which the same is done. */
class Pair {
  readonly queue = new CallQueue();
  list: Call[] = [];
  #made = 0;
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  push(): void {
    const call = callOf(++this.#made);
    this.queue.push(call);
    this.list.push(call);
  }

  /** Takes one, and sometimes puts it back in front. */
  shift(): void {
    const taken = this.queue.shift();
    expect(taken).to.equal(this.list.shift());
    if (taken === undefined || this.#random() > 0.3) return;
    this.queue.pushFront([taken]);
    this.list.unshift(taken);
  }

  drop(): void {
    const call = this.list[Math.floor(this.#random() * this.list.length)];
    if (call !== undefined) this.queue.drop(call);
    this.list = this.list.filter((other) => other !== call);
  }

  dropAll(): void {
    for (const call of this.list.splice(0)) this.queue.drop(call);
  }
}

describe('CallQueue', () => {
  it('is first come, first served', () => {
    const { queue } = filled(1, 2, 3);
    expect(queue.waiting).to.equal(3);
    expect(drain(queue)).to.deep.equal([1, 2, 3]);
    expect(queue.waiting).to.equal(0);
    expect(queue.shift()).to.equal(undefined);
  });

  it('marks the calls that wait in it', () => {
    const { queue, calls } = filled(1, 2);
    expect(calls.map(({ isQueued }) => isQueued)).to.deep.equal([true, true]);
    queue.shift();
    expect(calls.map(({ isQueued }) => isQueued)).to.deep.equal([false, true]);
  });

  it('puts calls to be sent again in front of all others, in their order', () => {
    const { queue, calls } = filled(1, 2, 3, 4);
    const again = [queue.shift(), queue.shift()] as Call[];
    queue.push(callOf(5));
    queue.pushFront(again);
    expect(queue.waiting).to.equal(5);
    expect(calls[0]?.isQueued).to.equal(true);
    expect(drain(queue)).to.deep.equal([1, 2, 3, 4, 5]);
  });

  it('passes over calls that were dropped', () => {
    const { queue, calls } = filled(1, 2, 3, 4, 5);
    for (const index of [0, 2, 4]) queue.drop(calls[index] as Call);
    expect(queue.waiting).to.equal(2);
    expect(drain(queue)).to.deep.equal([2, 4]);
  });

  it('leaves alone what does not wait', () => {
    const { queue, calls } = filled(1, 2);
    const [first] = calls as [Call, Call];
    queue.shift();
    queue.drop(first);
    queue.drop(callOf(9));
    expect(queue.waiting).to.equal(1);
    expect(drain(queue)).to.deep.equal([2]);
  });

  it('finds calls that wait, and none that were dropped or taken', () => {
    const { queue, calls } = filled(1, 2, 3);
    queue.drop(calls[1] as Call);
    queue.shift();
    expect(queue.someOfNext(2, ({ number }) => number === 1)).to.equal(false);
    expect(queue.someOfNext(2, ({ number }) => number === 2)).to.equal(false);
    expect(queue.someOfNext(2, ({ number }) => number === 3)).to.equal(true);
    expect(queue.someOfNext(0, ({ number }) => number === 3)).to.equal(false);
  });

  it('does what a plain list would do, in a long random run', () => {
    const random = seededRandom(3);
    const pair = new Pair(random);
    for (let step = 0; step < 20_000; step++) {
      const chance = random();
      if (chance < 0.45) pair.push();
      else if (chance < 0.7) pair.shift();
      else if (chance < 0.95) pair.drop();
      else if (chance < 0.96) pair.dropAll();
      expect(pair.queue.waiting).to.equal(pair.list.length);
    }
    expect(drain(pair.queue)).to.deep.equal(pair.list.map((call) => call.number));
  });

  it('keeps no call that was dropped when no other waits', async () => {
    const queue = new CallQueue();
    const dropped = (() => {
      const calls = Array.from({ length: 20 }, (_, number) => callOf(number));
      for (const call of calls) queue.push(call);
      for (const call of calls) queue.drop(call);
      return calls.map((call) => new WeakRef(call));
    })();
    await collectGarbage();
    expect(dropped.filter((call) => call.deref() !== undefined).length).to.equal(0);
    expect(queue.waiting).to.equal(0);
  });

  it('keeps a bounded number of calls that were dropped', async () => {
    const queue = new CallQueue();
    queue.push(callOf(0));
    const dropped = (() => {
      const calls = Array.from({ length: 5_000 }, (_, index) => callOf(index + 1));
      for (const call of calls) {
        queue.push(call);
        queue.drop(call);
      }
      return calls.map((call) => new WeakRef(call));
    })();
    await collectGarbage();
    const held = dropped.filter((call) => call.deref() !== undefined).length;
    expect(held).to.be.at.most(65);
    expect(drain(queue)).to.deep.equal([0]);
  });

  it('does not grow while it is never empty', async () => {
    const queue = new CallQueue();
    const calls = [callOf(1), callOf(2)] as const;
    queue.push(calls[0]);
    await collectGarbage();
    const before = process.memoryUsage().heapUsed;
    for (let count = 0; count < 1_000_000; count++) {
      queue.push(calls[(count + 1) % 2] as Call);
      queue.shift();
    }
    expect(queue.waiting).to.equal(1);
    await collectGarbage();
    expect(process.memoryUsage().heapUsed - before).to.be.below(1_000_000);
  });
});
