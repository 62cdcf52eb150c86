import { expect } from 'chai';
import type { BeginRequest, Begun, Completion, CompletionStore } from '../../lib/index.ts';
import { keepMs, requestFor } from './requests.ts';

/** A store under test, as one process has it open. */
export interface OpenStore {
  readonly store: CompletionStore;
  close(): Promise<void>;
}

/** What the contract needs to try a kind of store. */
export interface StoreBench {
  /** Opens the records that all stores of a test share; with others, ones of their own. */
  open(options?: { readonly place?: string; readonly maxRecords?: number }): Promise<OpenStore>;
  /** Lets time pass for records. */
  pass(ms: number): Promise<void>;
  /** Removes everything. */
  end(): Promise<void>;
}

const paid: Completion = { kind: 'reply', value: Buffer.from([0xa4, 1, 2, 3, 4]), isBytes: false };

/** The completions that a store must give back as they were. */
const completions: readonly (readonly [what: string, completion: Completion])[] = [
  ['nothing', { kind: 'reply', value: undefined, isBytes: false }],
  ['a value', paid],
  ['no bytes', { kind: 'reply', value: Buffer.alloc(0), isBytes: true }],
  ['bytes of every kind', { kind: 'reply', value: Buffer.from(everyByte()), isBytes: true }],
  ['a large reply', { kind: 'reply', value: Buffer.alloc(700_000, 'xy'), isBytes: true }],
  ['a failure', { kind: 'error', failure: { code: 'E1', message: 'no money · 钱' } }],
  [
    'a failure with data',
    { kind: 'error', failure: { code: 'E2', message: 'm', data: { left: [1, null, 'a'] } } },
  ],
];

function everyByte(): number[] {
  return Array.from({ length: 256 }, (_, byte) => byte);
}

/** Bytes may come in any kind of array. */
function plain(begun: Begun): unknown {
  if (begun.state !== 'done' || begun.completion.kind !== 'reply') return begun;
  const { value, isBytes } = begun.completion;
  return { state: 'done', value: value && Buffer.from(value).toString('hex'), isBytes };
}

/**
 * What every completion store must do, in one process.
 *
 * @param isBounded the store refuses calls beyond `maxRecords`
 */
export function completionStoreContract(
  name: string,
  makeBench: () => Promise<StoreBench>,
  isBounded: boolean,
): void {
  describe(`the completion store: ${name}`, () => {
    let bench: StoreBench;
    let opened: OpenStore[] = [];

    beforeEach(async () => {
      bench = await makeBench();
    });

    afterEach(async () => {
      await Promise.all(opened.map((each) => each.close()));
      opened = [];
      await bench.end();
    });

    async function open(options?: Parameters<StoreBench['open']>[0]): Promise<CompletionStore> {
      const each = await bench.open(options);
      opened.push(each);
      return each.store;
    }

    it('says "new" of a key for the first time and then never', async () => {
      const store = await open();
      const request = requestFor('k');
      expect(await store.begin(request)).to.deep.equal({ state: 'new' });
      expect(await store.begin(requestFor('k'))).to.deep.equal({ state: 'running', owner: 'one' });
      await store.finish(request, paid);
      const repeat = plain(await store.begin(requestFor('k')));
      expect(repeat).to.deep.equal(plain({ state: 'done', completion: paid }));
    });

    it('tells keys apart by every character, however long they are', async () => {
      const store = await open();
      const long = 'k'.repeat(5_000);
      for (const key of ['k', 'K', 'k ', '', 'k\0', '\0k', 'ключ', `${long}1`, `${long}2`]) {
        expect(await store.begin(requestFor(key)), key).to.deep.equal({ state: 'new' });
        expect(await store.begin(requestFor(key)), key).to.include({ state: 'running' });
      }
    });

    it('tells another call under a key, whether the first is finished or not', async () => {
      const store = await open();
      const request = requestFor('k');
      await store.begin(request);
      const other = { fingerprint: 'f2' };
      expect(await store.begin(requestFor('k', other))).to.deep.equal({ state: 'mismatch' });
      await store.finish(request, paid);
      expect(await store.begin(requestFor('k', other))).to.deep.equal({ state: 'mismatch' });
    });

    for (const [what, completion] of completions) {
      it(`gives back ${what}`, async () => {
        const store = await open();
        const request = requestFor('k');
        await store.begin(request);
        await store.finish(request, completion);
        const begun = await store.begin(requestFor('k'));
        expect(plain(begun)).to.deep.equal(plain({ state: 'done', completion }));
      });
    }

    it('knows nothing of a call that was abandoned', async () => {
      const store = await open();
      const request = requestFor('k');
      await store.begin(request);
      await store.abandon(request);
      expect(await store.begin(requestFor('k', { fingerprint: 'f2' }))).to.include({
        state: 'new',
      });
    });

    it('lets only who has begun finish or abandon', async () => {
      const store = await open();
      const request = requestFor('k');
      await store.begin(request);
      for (const other of [requestFor('k'), { ...request, owner: 'two' }]) {
        await store.abandon(other);
        await store.finish(other, paid);
        expect(await store.begin(requestFor('k'))).to.include({ state: 'running' });
      }
    });

    it('does not change how a call ended, and does not forget it', async () => {
      const store = await open();
      const request = requestFor('k');
      await store.begin(request);
      await store.finish(request, paid);
      await store.finish(request, { kind: 'error', failure: { code: 'E', message: 'm' } });
      await store.abandon(request);
      const begun = plain(await store.begin(requestFor('k')));
      expect(begun).to.deep.equal(plain({ state: 'done', completion: paid }));
    });

    it("gives a server its own record whose answer never came, and nobody else's", async () => {
      const store = await open();
      const first = requestFor('k');
      await store.begin(first);
      const others = requestFor('k', { owner: 'two', takesOver: true });
      expect(await store.begin(others)).to.deep.equal({ state: 'running', owner: 'one' });
      const again = requestFor('k', { takesOver: true });
      expect(await store.begin(again)).to.deep.equal({ state: 'new' });
      // What the first request left on its way must not touch what the second has made.
      await store.abandon(first);
      expect(await store.begin({ ...first, takesOver: true })).to.include({ state: 'running' });
      await store.finish(first, { kind: 'error', failure: { code: 'E', message: 'm' } });
      await store.finish(again, paid);
      const begun = plain(await store.begin(requestFor('k')));
      expect(begun).to.deep.equal(plain({ state: 'done', completion: paid }));
    });

    it('takes nothing over that has ended', async () => {
      const store = await open();
      const request = requestFor('k');
      await store.begin(request);
      await store.finish(request, paid);
      expect(await store.begin(requestFor('k', { takesOver: true }))).to.include({ state: 'done' });
    });

    it('keeps a record for its time, and then the key is new', async () => {
      const store = await open();
      const request = requestFor('k');
      await store.begin(request);
      await bench.pass(keepMs);
      await store.finish(request, paid);
      await bench.pass(keepMs - 5_000);
      expect(await store.begin(requestFor('k', { keepMs: 1 }))).to.include({ state: 'done' });
      await bench.pass(5_001);
      expect(await store.begin(requestFor('k', { fingerprint: 'f2' }))).to.include({
        state: 'new',
      });
    });

    it('keeps a record as long as the last repeat asks for', async () => {
      const store = await open();
      const request = requestFor('k');
      await store.begin(request);
      await store.finish(request, paid);
      for (let round = 0; round < 3; round++) {
        await bench.pass(keepMs - 5_000);
        expect(await store.begin(requestFor('k'))).to.include({ state: 'done' });
      }
    });

    it('never forgets a call that runs', async () => {
      const store = await open();
      await store.begin(requestFor('k', { keepMs: 1 }));
      await bench.pass(24 * 3_600_000);
      expect(await store.begin(requestFor('k', { keepMs: 1 }))).not.to.include({ state: 'new' });
    });

    it('says "new" to exactly one of 50 that come at once, from two stores', async () => {
      const stores = [await open(), await open()];
      const requests = Array.from({ length: 50 }, (_, at) =>
        requestFor('k', { owner: at % 2 === 0 ? 'one' : 'two' }),
      );
      const begun = await Promise.all(
        requests.map(async (request, at) => await stores[at % 2]?.begin(request)),
      );
      const news = requests.filter((_, at) => begun[at]?.state === 'new');
      expect(news).to.have.length(1);
      const [winner] = news as [BeginRequest];
      for (const each of begun) {
        if (each?.state !== 'new') {
          expect(each).to.deep.equal({ state: 'running', owner: winner.owner });
        }
      }
    });

    it('has the id of all who share its records, and no other', async () => {
      const [one, two] = [await open(), await open()];
      const other = await open({ place: 'elsewhere' });
      expect(one.id).to.be.a('string').and.to.have.length.above(20);
      expect(two.id).to.equal(one.id);
      expect(other.id).not.to.equal(one.id);
      await one.begin(requestFor('k'));
      expect(await two.begin(requestFor('k'))).to.include({ state: 'running' });
      expect(await other.begin(requestFor('k'))).to.include({ state: 'new' });
    });

    if (!isBounded) return;

    it('takes no more than it may, drops nothing for it, and has room again in time', async () => {
      const store = await open({ maxRecords: 3 });
      const requests = ['a', 'b', 'c'].map((key) => requestFor(key));
      for (const request of requests) {
        expect(await store.begin(request)).to.include({ state: 'new' });
        await store.finish(request, paid);
      }
      expect(await store.begin(requestFor('d'))).to.deep.equal({ state: 'full' });
      for (const key of ['a', 'b', 'c']) {
        expect(await store.begin(requestFor(key))).to.include({ state: 'done' });
      }
      await bench.pass(keepMs + 1);
      expect(await store.begin(requestFor('d'))).to.deep.equal({ state: 'new' });
    });
  });
}
