import { expect } from 'chai';
import type { Call } from '../../lib/client/call.ts';
import { CallQueue } from '../../lib/client/call-queue.ts';
import { CallTable } from '../../lib/client/call-table.ts';
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

/** A queue, and the table that its calls are in. */
class Scene {
  readonly table = new CallTable();
  readonly queue = new CallQueue(this.table);

  /** A call that waits to be sent for the first time. */
  push(): Call {
    const call = callOf(this.table.nextNumber());
    this.table.add(call);
    this.queue.push(call);
    return call;
  }

  /** The call settles. */
  settle(call: Call): void {
    this.queue.drop(call);
    this.table.delete(call);
  }
}

function filled(count: number): { scene: Scene; queue: CallQueue; calls: Call[] } {
  const scene = new Scene();
  const calls = Array.from({ length: count }, () => scene.push());
  return { scene, queue: scene.queue, calls };
}

/** A queue and a plain list to which the same is done. */
class Pair {
  readonly #scene = new Scene();
  readonly queue = this.#scene.queue;
  list: Call[] = [];
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  push(): void {
    this.list.push(this.#scene.push());
  }

  /** Takes one, and sometimes puts it back in front. */
  shift(): void {
    const taken = this.queue.shift();
    expect(taken).to.equal(this.list.shift());
    if (taken === undefined) return;
    const chance = this.#random();
    if (chance < 0.3) {
      this.queue.pushFront([taken]);
      this.list.unshift(taken);
    } else if (chance < 0.9) {
      this.#scene.settle(taken);
    }
  }

  drop(): void {
    const call = this.list[Math.floor(this.#random() * this.list.length)];
    if (call === undefined) return;
    if (this.#random() < 0.5) this.queue.drop(call);
    else this.#scene.settle(call);
    this.list = this.list.filter((other) => other !== call);
  }

  dropAll(): void {
    for (const call of this.list.splice(0)) this.#scene.settle(call);
  }
}

describe('CallQueue', () => {
  it('is first come, first served', () => {
    const { queue } = filled(3);
    expect(queue.waiting).to.equal(3);
    expect(drain(queue)).to.deep.equal([1, 2, 3]);
    expect(queue.waiting).to.equal(0);
    expect(queue.shift()).to.equal(undefined);
  });

  it('marks the calls that wait in it', () => {
    const { queue, calls } = filled(2);
    expect(calls.map(({ isQueued }) => isQueued)).to.deep.equal([true, true]);
    queue.shift();
    expect(calls.map(({ isQueued }) => isQueued)).to.deep.equal([false, true]);
  });

  it('puts calls to be sent again in front of all others, in their order', () => {
    const { scene, queue, calls } = filled(4);
    const again = [queue.shift(), queue.shift()] as Call[];
    scene.push();
    queue.pushFront(again);
    expect(queue.waiting).to.equal(5);
    expect(calls[0]?.isQueued).to.equal(true);
    expect(drain(queue)).to.deep.equal([1, 2, 3, 4, 5]);
  });

  it('passes over calls that were dropped', () => {
    const { queue, calls } = filled(5);
    for (const index of [0, 2, 4]) queue.drop(calls[index] as Call);
    expect(queue.waiting).to.equal(2);
    expect(drain(queue)).to.deep.equal([2, 4]);
  });

  it('leaves alone what does not wait', () => {
    const { queue, calls } = filled(2);
    const [first] = calls as [Call, Call];
    queue.shift();
    queue.drop(first);
    queue.drop(callOf(9));
    expect(queue.waiting).to.equal(1);
    expect(drain(queue)).to.deep.equal([2]);
  });

  it('finds calls that wait, and none that were dropped or taken', () => {
    const { queue, calls } = filled(3);
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
    const scene = new Scene();
    const { queue } = scene;
    const dropped = (() => {
      const calls = Array.from({ length: 20 }, () => scene.push());
      queue.pushFront([queue.shift(), queue.shift()] as Call[]);
      for (const call of calls) scene.settle(call);
      return calls.map((call) => new WeakRef(call));
    })();
    await collectGarbage();
    expect(dropped.filter((call) => call.deref() !== undefined).length).to.equal(0);
    expect(queue.waiting).to.equal(0);
  });

  it('keeps no call that was dropped behind one that waits', async () => {
    const scene = new Scene();
    const { queue } = scene;
    const first = scene.push().number;
    const dropped = (() => {
      const calls = Array.from({ length: 5_000 }, () => scene.push());
      for (const call of calls.slice(0, 100)) queue.drop(call);
      queue.pushFront(calls.slice(0, 100));
      for (const call of calls) scene.settle(call);
      return calls.map((call) => new WeakRef(call));
    })();
    await collectGarbage();
    expect(dropped.filter((call) => call.deref() !== undefined).length).to.equal(0);
    expect(drain(queue)).to.deep.equal([first]);
  });

  it('sends a call once that was given another number while others wait', () => {
    const { scene, queue, calls } = filled(2);
    const [first] = calls as [Call, Call];
    queue.shift();
    scene.table.delete(first);
    first.number = scene.table.nextNumber();
    scene.table.add(first);
    const last = scene.push();
    queue.pushFront([first]);
    expect(drain(queue)).to.deep.equal([first.number, 2, last.number]);
  });

  it('does not grow while it is never empty', async () => {
    const scene = new Scene();
    const { queue } = scene;
    scene.push();
    await collectGarbage();
    const before = process.memoryUsage().heapUsed;
    for (let count = 0; count < 1_000_000; count++) {
      scene.push();
      scene.settle(queue.shift() as Call);
    }
    expect(queue.waiting).to.equal(1);
    await collectGarbage();
    expect(process.memoryUsage().heapUsed - before).to.be.below(1_000_000);
  });
});
