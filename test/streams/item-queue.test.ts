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

  it('fails for all who wait when it fails: none of them may take what it got for the whole', async () => {
    const queue = new ItemQueue<number>();
    const failed = new Error('failed');
    const [first, ...others] = [1, 2, 3].map(() => queue.wait());
    queue.push(1);
    queue.end({ error: failed });
    expect(await first).to.deep.equal({ done: false, value: 1 });
    for (const other of others) expect(await failureOf(other)).to.equal(failed);
    expect(await queue.wait()).to.deep.equal({ done: true, value: undefined });
  });

  it('ends no process when nobody looks at what was asked for', async () => {
    const unhandled: unknown[] = [];
    const usual = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', (reason) => unhandled.push(reason));
    try {
      const queue = new ItemQueue<number>();
      const early = queue.wait();
      queue.abort(new Error('given up'));
      const late = queue.wait();
      const other = new ItemQueue<number>();
      other.end({ error: new Error('failed') });
      const behind = other.wait();
      await new Promise((resolve) => setTimeout(resolve, 1));
      expect(unhandled).to.deep.equal([]);
      for (const each of [early, behind]) expect(await failureOf(each)).to.be.an('error');
      expect(await late).to.deep.equal({ done: true, value: undefined });
    } finally {
      process.removeAllListeners('unhandledRejection');
      for (const listener of usual) process.on('unhandledRejection', listener);
    }
  });
});
