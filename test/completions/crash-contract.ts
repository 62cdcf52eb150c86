import { expect } from 'chai';
import type { Completion } from '../../lib/index.ts';
import { requestFor } from './requests.ts';
import type { OpenStore, StoreBench } from './store-contract.ts';
import { type StorePlace, StoreProcess } from './store-process.ts';

/** A bench whose records other processes can open too. */
export interface CrashBench extends StoreBench {
  readonly place: StorePlace;
}

/** Longer than the lease of a process that says nothing. */
const lapseMs = 16_000;

/** A process starts, with the whole library from its sources. */
const patienceMs = 30_000;

const paid: Completion = { kind: 'reply', value: Buffer.from([0xc3]), isBytes: false };

/** What every store must do that outlives its process. */
export function crashContract(name: string, makeBench: () => Promise<CrashBench>): void {
  describe(`the completion store that outlives its process: ${name}`, function () {
    this.timeout(patienceMs);
    let bench: CrashBench;
    let here: OpenStore;
    let there: StoreProcess;

    beforeEach(async () => {
      bench = await makeBench();
      [here, there] = await Promise.all([bench.open(), StoreProcess.open(bench.place)]);
    });

    afterEach(async () => {
      await there.kill();
      await here.close();
      await bench.end();
    });

    it('says "new" to exactly one of 50 that come at once in two processes', async () => {
      expect(there.id).to.equal(here.store.id);
      const [mine, theirs] = ['here', 'there'].map((owner) =>
        Array.from({ length: 25 }, () => requestFor('k', { owner })),
      );
      const begun = await Promise.all([
        there.begin(...(theirs ?? [])),
        ...(mine ?? []).map(async (request) => await here.store.begin(request)),
      ]);
      const states = begun.flat().map(({ state }) => state);
      expect(states).to.have.length(50);
      expect(states.filter((state) => state === 'new')).to.have.length(1);
      expect(states.filter((state) => state === 'running')).to.have.length(49);
    });

    it('says that a call runs as long as its process lives, and that it is lost then, for good', async () => {
      const [begun] = await there.begin(requestFor('k', { owner: 'there' }));
      expect(begun).to.deep.equal({ state: 'new' });
      const running = { state: 'running', owner: 'there' };
      expect(await here.store.begin(requestFor('k'))).to.deep.equal(running);
      await there.kill();
      await bench.pass(lapseMs);
      for (let round = 0; round < 3; round++) {
        expect(await here.store.begin(requestFor('k'))).to.deep.equal({ state: 'lost' });
        const asIfMine = requestFor('k', { owner: 'there', takesOver: false });
        expect(await here.store.begin(asIfMine)).to.deep.equal({ state: 'lost' });
        await bench.pass(24 * 3_600_000);
      }
      expect(await here.store.begin(requestFor('k', { fingerprint: 'f2' }))).to.deep.equal({
        state: 'mismatch',
      });
    });

    it('has the reply of a process that is killed as soon as it was told that it is kept', async () => {
      const request = requestFor('k', { owner: 'there' });
      await there.begin(request);
      await there.finish(request, paid);
      await there.kill();
      await bench.pass(lapseMs);
      expect(await here.store.begin(requestFor('k'))).to.include({ state: 'done' });
    });

    it('believes a process that was stopped for long, and then says how its call ended', async () => {
      const request = requestFor('k', { owner: 'there' });
      await there.begin(request);
      there.stop();
      try {
        await bench.pass(lapseMs);
        expect(await here.store.begin(requestFor('k'))).to.deep.equal({ state: 'lost' });
      } finally {
        there.continue();
      }
      await there.finish(request, paid);
      expect(await here.store.begin(requestFor('k'))).to.include({ state: 'done' });
    });

    it('forgets nothing that it has acknowledged, at whatever moment its process is killed', async () => {
      for (let round = 0; round < 3; round++) {
        if (round > 0) there = await StoreProcess.open(bench.place);
        there.work(`round ${round} `);
        while (there.finished.length < 50 + 37 * round) await there.step();
        await there.kill();
        const { begun, finished } = there;
        const done = new Set(finished.map(({ key }) => key));
        for (const { key } of begun) {
          const { state } = await here.store.begin(requestFor(key, { owner: 'here' }));
          expect(state, key).to.be.oneOf(done.has(key) ? ['done'] : ['running', 'done']);
        }
      }
    });
  });
}
