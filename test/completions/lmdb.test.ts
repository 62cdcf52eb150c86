import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { lmdbCompletions } from '../../lib/completions/lmdb.ts';
import type { Completion } from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failing.ts';
import { type CrashBench, crashContract } from './crash-contract.ts';
import { requestFor } from './requests.ts';
import { completionStoreContract } from './store-contract.ts';

async function lmdbBench(): Promise<CrashBench> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-lmdb-'));
  let aheadMs = 0;
  return {
    place: { kind: 'lmdb', path: join(folder, 'here') },
    open: async ({ place = 'here', ...options } = {}) => {
      const path = join(folder, place);
      const now = (): number => Date.now() + aheadMs;
      const store = await lmdbCompletions({ path, now, ...options });
      return { store, close: () => store.close() };
    },
    pass: async (ms) => {
      aheadMs += ms;
    },
    end: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

completionStoreContract('LMDB', lmdbBench, true);
crashContract('LMDB', lmdbBench);

describe('the completion store in LMDB', () => {
  let bench: CrashBench;
  let path: string;

  beforeEach(async () => {
    bench = await lmdbBench();
    path = bench.place.kind === 'lmdb' ? bench.place.path : '';
  });

  afterEach(() => bench.end());

  const reply = (bytes: number): Completion => ({
    kind: 'reply',
    value: Buffer.alloc(bytes),
    isBytes: true,
  });

  it('has what it had when it is opened again, and what ran is lost', async () => {
    const first = await bench.open();
    const request = requestFor('done');
    await first.store.begin(request);
    await first.store.finish(request, reply(10));
    await first.store.begin(requestFor('running'));
    await first.close();
    const second = await bench.open();
    expect(second.store.id).to.equal(first.store.id);
    expect(await second.store.begin(requestFor('done'))).to.include({ state: 'done' });
    expect(await second.store.begin(requestFor('running'))).to.deep.equal({ state: 'lost' });
    await second.close();
  });

  it('is bounded in bytes, keeps its word to what is in it, and has room again in time', async () => {
    let now = 1_700_000_000_000;
    const store = await lmdbCompletions({ path, maxBytes: 20_000, now: () => now });
    const small = requestFor('small');
    await store.begin(small);
    await store.finish(small, reply(15_000));
    const large = requestFor('large');
    await store.begin(large);
    await store.finish(large, reply(15_000));
    const begun = await store.begin(requestFor('large'));
    expect(begun).to.have.nested.property('completion.failure.code', 'ERR_HOLDFAST_REPLY_NOT_KEPT');
    let count = 0;
    while ((await store.begin(requestFor(`more ${count}`))).state === 'new') count++;
    expect(count).to.be.within(1, 100);
    expect(await store.begin(requestFor('small'))).to.include({ state: 'done' });
    now += 60_001;
    expect(await store.begin(requestFor('yet more'))).to.deep.equal({ state: 'new' });
    await store.close();
  });

  it('forgets what never ended when its time is over, or never', async () => {
    for (const [keepUnfinishedMs, state] of [
      [100_000, 'new'],
      [Number.POSITIVE_INFINITY, 'lost'],
    ] as const) {
      let now = 1_700_000_000_000;
      const place = `${path} ${keepUnfinishedMs}`;
      const first = await lmdbCompletions({ path: place, keepUnfinishedMs, now: () => now });
      await first.begin(requestFor('k'));
      await first.close();
      const second = await lmdbCompletions({ path: place, keepUnfinishedMs, now: () => now });
      now += 99_999;
      expect(await second.begin(requestFor('k', { keepMs: 1 }))).to.deep.equal({ state: 'lost' });
      now += 10 * 365 * 24 * 3_600_000;
      expect(await second.begin(requestFor('k'))).to.deep.equal({ state });
      await second.close();
    }
  });

  it('renews its lease as long as it is open, by a timer that keeps no process alive', async () => {
    const clock = new VirtualClock();
    let now = 1_700_000_000_000;
    const [one, two] = await Promise.all([
      lmdbCompletions({ path, clock, now: () => now }),
      lmdbCompletions({ path, now: () => now, leaseMs: 3_600_000 }),
    ]);
    await one.begin(requestFor('k'));
    for (let round = 0; round < 10; round++) {
      now += 5_000;
      await clock.pass(5_000);
      await one.environment.flushed;
      expect(await two.begin(requestFor('k'))).to.include({ state: 'running' });
    }
    expect(clock.keepsAlive).to.equal(false);
    await one.close();
    expect(clock.timers).to.equal(0);
    expect(await two.begin(requestFor('k'))).to.deep.equal({ state: 'lost' });
    await two.close();
  });

  it('can be opened and closed many times in one process, while others write', async () => {
    for (let round = 0; round < 15; round++) {
      const rounds = [0, 1, 2, 3].map(async (each) => {
        const store = await lmdbCompletions({ path });
        expect(await store.begin(requestFor(`${round} ${each}`))).to.deep.equal({ state: 'new' });
        await store.close();
        expect(await failureOf(async () => await store.begin(requestFor('late')))).to.be.an(
          'error',
        );
      });
      await Promise.all(rounds);
    }
  });

  it('fails when it is closed', async () => {
    const store = await lmdbCompletions({ path });
    await store.close();
    expect(await failureOf(async () => await store.begin(requestFor('k')))).to.be.instanceOf(Error);
  });

  it('takes many calls at a time by few commits', async () => {
    const store = await lmdbCompletions({ path });
    let commits = 0;
    store.environment.on('aftercommit', () => {
      commits++;
    });
    const requests = Array.from({ length: 1_000 }, (_, at) => requestFor(`k${at}`));
    await Promise.all(requests.map(async (request) => await store.begin(request)));
    expect(commits).to.be.within(1, 100);
    await store.close();
  });
});
