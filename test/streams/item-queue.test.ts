import { expect } from 'chai';
import { ItemQueue } from '../../lib/streams/item-queue.ts';
import { failureOf } from '../support/failing.ts';

describe('A queue of items', () => {
  it('never ends well when items in it were thrown away, though their end had come', async () => {
    const queue = new ItemQueue<number>();
    for (const item of [1, 2, 3]) queue.push(item);
    queue.end();
    expect(queue.take()).to.equal(1);
    const givenUp = new Error('given up');
    queue.abort(givenUp);
    expect(queue.size).to.equal(0);
    expect(await failureOf(queue.wait())).to.equal(givenUp);
    expect(await queue.wait()).to.deep.equal({ done: true, value: undefined });
  });

  it('tells whoever waits that it was given up', async () => {
    const queue = new ItemQueue<number>();
    const waiting = failureOf(queue.wait());
    const givenUp = new Error('given up');
    queue.abort(givenUp);
    expect(await waiting).to.equal(givenUp);
  });
});
