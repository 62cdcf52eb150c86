import { type ChildProcess, fork } from 'node:child_process';
import { once as event } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import {
  type LmdbCompletions,
  type LmdbTransaction,
  lmdbCompletions,
} from '../../lib/completions/lmdb.ts';
import { failureOf } from '../support/failing.ts';
import { done, Ledger } from './ledger.ts';
import { requestFor } from './requests.ts';

describe('A transaction in LMDB', () => {
  let folder: string;
  let aheadMs: number;
  let stores: LmdbCompletions[];
  let store: LmdbCompletions;
  let ledger: Ledger;

  const path = (): string => join(folder, 'records');

  async function open(): Promise<LmdbCompletions> {
    const opened = await lmdbCompletions({ path: path(), now: () => Date.now() + aheadMs });
    stores.push(opened);
    return opened;
  }

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-ledger-'));
    aheadMs = 0;
    stores = [];
    store = await open();
    ledger = new Ledger(store);
  });

  afterEach(async () => {
    await Promise.all(stores.map((each) => each.close()));
    rmSync(folder, { recursive: true, force: true });
  });

  it('writes what its handler has put together with the record', async () => {
    expect(await ledger.transfer(requestFor('k'))).to.deep.equal({ state: 'committed' });
    expect(ledger.balance).to.equal(1);
    expect(await ledger.transfer(requestFor('k'))).to.deep.include({ state: 'done' });
    expect(ledger.balance).to.equal(1);
  });

  it('shows its handler what it has put, and nobody else before the end', async () => {
    const { accounts } = ledger;
    await store.transact(requestFor('k'), async (transaction) => {
      transaction.put(accounts, 'ada', 7);
      expect(transaction.get(accounts, 'ada')).to.equal(7);
      transaction.remove(accounts, 'ada');
      expect(transaction.get(accounts, 'ada')).to.equal(undefined);
      transaction.put(accounts, 'ada', 8);
      await new Promise((resolve) => setImmediate(resolve));
      expect(accounts.get('ada')).to.equal(undefined);
      return done;
    });
    expect(accounts.get('ada')).to.equal(8);
  });

  it('leaves nothing of a handler that throws, so that its key is new', async () => {
    const error = new Error('no money');
    const failing = ledger.transfer(requestFor('k'), () => {
      throw error;
    });
    expect(await failureOf(failing)).to.equal(error);
    expect(ledger.balance).to.equal(0);
    expect(await ledger.transfer(requestFor('k', { owner: 'two' }))).to.include({
      state: 'committed',
    });
    expect(ledger.balance).to.equal(1);
  });

  it('leaves nothing when a value cannot be written', async () => {
    const table = store.environment.openDB<unknown, string>({ name: 'any', encoding: 'json' });
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    const failing = store.transact(requestFor('k'), async (transaction) => {
      transaction.put(ledger.accounts, 'ada', 1);
      transaction.put(table, 'cycle', cyclic);
      return done;
    });
    expect(await failureOf(failing)).to.be.instanceOf(Error);
    expect(ledger.balance).to.equal(0);
    expect(await ledger.transfer(requestFor('k'))).to.include({ state: 'committed' });
  });

  it('loses no update of many that come at once: those that met run again', async () => {
    const transfers = Array.from({ length: 8 }, (_, at) => ledger.transfer(requestFor(`k${at}`)));
    const ended = await Promise.all(transfers);
    const committed = ended.filter(({ state }) => state === 'committed');
    expect(committed.length + ended.filter(({ state }) => state === 'conflict').length).to.equal(8);
    expect(committed).to.have.length.above(0);
    expect(ledger.balance).to.equal(committed.length);
  });

  it('gives up, with nothing committed, when what it reads is changed each time', async () => {
    let runs = 0;
    const ended = await ledger.transfer(requestFor('k'), async () => {
      await ledger.accounts.put('ada', 100 + ++runs);
    });
    expect(ended).to.deep.equal({ state: 'conflict' });
    expect(runs).to.equal(10);
    expect(ledger.balance).to.equal(110);
    expect(ledger.entries.get('k')).to.equal(undefined);
    expect(await ledger.transfer(requestFor('k'))).to.include({ state: 'committed' });
  });

  it('runs a key in one place at a time', async () => {
    let end: () => void = () => {};
    const began = new Promise<void>((resolve) => {
      void ledger.transfer(requestFor('k'), async () => {
        resolve();
        await new Promise<void>((ready) => {
          end = ready;
        });
      });
    });
    await began;
    const other = await open();
    const repeat = requestFor('k', { owner: 'two' });
    expect(await new Ledger(other).transfer(repeat)).to.deep.equal({
      state: 'running',
      owner: 'one',
    });
    end();
  });

  it('of a process that was held for dead commits nothing when another has run the key', async () => {
    let end: () => void = () => {};
    let ended: Promise<unknown> = Promise.resolve();
    await new Promise<void>((resolve) => {
      ended = ledger.transfer(requestFor('k'), async () => {
        resolve();
        await new Promise<void>((ready) => {
          end = ready;
        });
      });
    });
    aheadMs += 16_000;
    const other = await open();
    const repeat = requestFor('k', { owner: 'two' });
    expect(await new Ledger(other).transfer(repeat)).to.include({ state: 'committed' });
    end();
    expect(await ended).to.not.include({ state: 'committed' });
    expect(ledger.balance).to.equal(1);
    expect(ledger.entries.get('k')).to.equal(1);
  });

  it('never runs what began outside of a transaction and was lost', async () => {
    const other = await open();
    await other.begin(requestFor('k', { owner: 'two' }));
    await other.close();
    stores.pop();
    expect(await ledger.transfer(requestFor('k'))).to.deep.equal({ state: 'lost' });
  });

  it('takes only tables of its own file, while it runs, with keys that it can compare', async () => {
    const elsewhere = await lmdbCompletions({ path: join(folder, 'other') });
    stores.push(elsewhere);
    const foreign = elsewhere.environment.openDB<number, string>({ name: 'accounts' });
    let kept: LmdbTransaction | undefined;
    await store.transact(requestFor('k'), async (transaction) => {
      kept = transaction;
      expect(() => transaction.put(foreign, 'ada', 1)).to.throw('environment');
      expect(() => transaction.get(foreign, 'ada')).to.throw('environment');
      expect(() => transaction.put(ledger.accounts, 'ada', undefined as never)).to.throw(
        'undefined',
      );
      const odd = ledger.accounts as unknown as Parameters<LmdbTransaction['remove']>[0];
      expect(() => transaction.remove(odd, Symbol('k'))).to.throw('no key like');
      for (const key of ['1', 1, true, ['1'], [1], Buffer.from('1')]) transaction.remove(odd, key);
      return done;
    });
    expect(() => kept?.get(ledger.accounts, 'ada')).to.throw('is over');
  });

  describe('when its process is killed', function () {
    this.timeout(30_000);
    let child: ChildProcess;

    function start(owner: string, ...more: string[]): void {
      const main = fileURLToPath(new URL('./ledger-main.ts', import.meta.url));
      child = fork(main, [path(), owner, ...more]);
    }

    async function kill(): Promise<void> {
      const exited = event(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      aheadMs += 16_000;
    }

    it('between the work of the handler and its record, has left nothing, and the key is new', async () => {
      start('held', 'hold');
      await event(child, 'message');
      const key = 'held 0 a';
      expect(await ledger.transfer(requestFor(key))).to.deep.equal({
        state: 'running',
        owner: 'held',
      });
      await kill();
      expect(ledger.entries.get(key)).to.equal(undefined);
      expect(await ledger.transfer(requestFor(key))).to.deep.equal({ state: 'committed' });
      expect(ledger.balance).to.equal(1);
    });

    /** Transfers again what the process has told, and what it may have been at. */
    async function transferAgain(owner: string, told: readonly string[]): Promise<number> {
      let added = 0;
      const last = Math.max(...told.map((key) => Number(key.split(' ')[2])));
      const keys = Array.from({ length: last + 3 }, (_, at) => [`${at} a`, `${at} b`]).flat();
      for (const key of keys.map((each) => `${owner} ${each}`)) {
        const had = ledger.entries.get(key);
        const { state } = await ledger.transfer(requestFor(key));
        expect(state, key).to.equal(had === undefined ? 'committed' : 'done');
        if (told.includes(key)) expect(had, key).to.equal(1);
        expect(ledger.entries.get(key), key).to.equal(1);
        if (had === undefined) added++;
      }
      return added;
    }

    it('at any moment, has left each effect with its record, or neither', async () => {
      for (let round = 0; round < 4; round++) {
        const owner = `round${round} of`;
        const told: string[] = [];
        start(owner);
        child.on('message', (key: string) => told.push(key));
        while (told.length < 3 + 7 * round) await event(child, 'message');
        await kill();
        // What a writer had committed when it was killed LMDB may show only once another has written.
        await ledger.transfer(requestFor(`after ${owner}`));
        const before = ledger.balance;
        expect(before).to.equal([...ledger.entries.getKeys()].length);
        const added = await transferAgain(owner, told);
        expect(ledger.balance).to.equal(before + added);
      }
    });
  });
});
