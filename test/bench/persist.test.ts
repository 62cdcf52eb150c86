import { expect } from 'chai';
import type { ContenderClient } from '../../bench/contender.ts';
import { persist } from '../../bench/harness/persist.ts';

function answering(call: () => Promise<unknown>): ContenderClient {
  return { call, close: async () => {} };
}

describe('an application that persists, in benchmarks', () => {
  it('makes its call again until it is answered, and counts what failed', async () => {
    let calls = 0;
    const client = answering(async () => {
      if (++calls < 4) throw new Error('lost');
    });
    const { atUs, failed } = await persist(client, 5_000);
    expect(atUs).to.be.a('number');
    expect([calls, failed]).to.deep.equal([4, 3]);
  });

  it('gives up a call that hangs', async () => {
    let calls = 0;
    const client = answering(() => {
      if (++calls === 1) return Promise.reject(new Error('lost'));
      return new Promise(() => {});
    });
    expect(await persist(client, 50)).to.deep.equal({ failed: 1 });
    expect(calls).to.equal(2);
  });
});
