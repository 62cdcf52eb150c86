import { expect } from 'chai';
import { MemoryCompletionStore, memoryCompletions } from '../../lib/completions/memory.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { requestFor } from './requests.ts';
import { completionStoreContract, type StoreBench } from './store-contract.ts';

const megabyte = 1024 * 1024;

async function memoryBench(): Promise<StoreBench> {
  const clock = new VirtualClock();
  const places = new Map<string, MemoryCompletionStore>();
  return {
    open: async ({ place = 'here', maxRecords = 1_000 } = {}) => {
      const known = places.get(place);
      const store = known ?? new MemoryCompletionStore(clock, { maxRecords, maxBytes: megabyte });
      places.set(place, store);
      return { store, close: async () => {} };
    },
    pass: async (ms) => clock.advance(ms),
    end: async () => {},
  };
}

completionStoreContract('memory', memoryBench, true);

describe('the completion store in memory', () => {
  function storeOf(maxBytes: number): { store: MemoryCompletionStore; clock: VirtualClock } {
    const clock = new VirtualClock();
    return { store: new MemoryCompletionStore(clock, { maxRecords: 1_000, maxBytes }), clock };
  }

  it('says of a reply for which there is no room that the call was executed', () => {
    const { store } = storeOf(10_000);
    const request = requestFor('k');
    store.begin(request);
    store.finish(request, { kind: 'reply', value: Buffer.alloc(10_001), isBytes: true });
    const begun = store.begin(requestFor('k'));
    expect(begun).to.have.nested.property(
      'completion.failure.message',
      'the call was executed, and its reply of 10001 bytes was too large to keep',
    );
  });

  it('takes no calls when its bytes are used up, until records have expired', () => {
    const { store, clock } = storeOf(3_000);
    const request = requestFor('a');
    store.begin(request);
    store.finish(request, { kind: 'reply', value: Buffer.alloc(2_700), isBytes: true });
    expect(store.begin(requestFor('b'))).to.deep.equal({ state: 'new' });
    expect(store.begin(requestFor('c'))).to.deep.equal({ state: 'full' });
    clock.advance(request.keepMs + 1);
    expect(store.begin(requestFor('c'))).to.deep.equal({ state: 'new' });
  });

  it('lets go of records that have expired, long before it is full', () => {
    const { store, clock } = storeOf(megabyte);
    for (let number = 0; number < 500; number++) {
      const request = requestFor(`k${number}`);
      store.begin(request);
      store.finish(request, { kind: 'reply', value: Buffer.alloc(100), isBytes: true });
      clock.advance(request.keepMs / 10);
    }
    expect(store.size).to.be.within(10, 25);
  });

  it('keeps calls that run for as long as they do', () => {
    const { store, clock } = storeOf(megabyte);
    store.begin(requestFor('runs'));
    for (let number = 0; number < 10; number++) {
      const request = requestFor(`k${number}`);
      store.begin(request);
      store.finish(request, { kind: 'reply', value: undefined, isBytes: false });
      clock.advance(10 * request.keepMs);
    }
    expect(store.begin(requestFor('runs'))).to.include({ state: 'running' });
  });

  it('is made for several servers by a function with options of its own', async () => {
    const store = memoryCompletions({ maxRecords: 1 });
    expect(store.id).to.have.length(36);
    await store.begin(requestFor('a'));
    expect(await store.begin(requestFor('b'))).to.deep.equal({ state: 'full' });
    expect(() => memoryCompletions({ maxRecords: 0 })).to.throw('"maxRecords"');
    expect(() => memoryCompletions({ maxrecords: 1 } as never)).to.throw('did you mean');
  });
});
