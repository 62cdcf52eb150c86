import { expect } from 'chai';
import {
  type BeginRequest,
  type Begun,
  type CallOptions,
  type Client,
  type Completion,
  connect,
  defineVerbs,
  type ErrorCode,
  memory,
  mutate,
  once,
  refuse,
  type Server,
  serve,
  type Transacted,
  type TransactionalStore,
  transactional,
} from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { expectFailure } from '../support/failing.ts';

const verbs = defineVerbs({ pay: once<string, string>() });
const plain: CallOptions = { key: 'k', replay: 'never' };

/** What the store does with a call, in a test's hands. */
type Script = (run: () => Promise<Completion>, request: BeginRequest) => Promise<Transacted>;

class ScriptedTransactions implements TransactionalStore<{ readonly name: string }> {
  readonly id = 'transactions';
  readonly requests: BeginRequest[] = [];
  script: Script = async (run) => {
    await run();
    return { state: 'committed' };
  };

  transact(
    request: BeginRequest,
    run: (transaction: { readonly name: string }) => Promise<Completion>,
  ): Promise<Transacted> {
    this.requests.push(request);
    return this.script(() => run({ name: `transaction ${this.requests.length}` }), request);
  }
}

describe('A transactional handler', () => {
  let clock: VirtualClock;
  let store: ScriptedTransactions;
  let server: Server;
  let client: Client<typeof verbs>;
  let runs: string[];
  let pay: (what: string) => string | Promise<string>;
  let errors: string[];

  beforeEach(async () => {
    clock = new VirtualClock({ turns: 'real' });
    store = new ScriptedTransactions();
    runs = [];
    errors = [];
    pay = (what) => `paid ${what}`;
    const handler = transactional(store, (what: string, { transaction }) => {
      runs.push(transaction.name);
      return pay(what);
    });
    const listen = memory();
    server = await serve(verbs, { pay: handler }, { listen, clock });
    server.on('storeError', ({ error }) => errors.push((error as Error).message));
    client = connect(listen, verbs, { clock });
  });

  afterEach(async () => {
    client.destroy();
    await server.close();
    expect(clock.keepsAlive).to.equal(false);
  });

  it('runs in a transaction of its store, and is answered when that is committed', async () => {
    let commit: () => void = () => {};
    store.script = async (run) => {
      await run();
      await new Promise<void>((resolve) => {
        commit = resolve;
      });
      return { state: 'committed' };
    };
    let isAnswered = false;
    const call = client.call.pay('rent', plain).finally(() => {
      isAnswered = true;
    });
    await clock.pass(100);
    expect(runs).to.deep.equal(['transaction 1']);
    expect(isAnswered).to.equal(false);
    commit();
    expect(await call).to.equal('paid rent');
  });

  it('runs once for calls that come together', async () => {
    const calls = ['rent', 'rent', 'rent'].map((what) => client.call.pay(what, plain));
    expect(await Promise.all(calls)).to.deep.equal(new Array(3).fill('paid rent'));
    expect(runs).to.have.length(1);
  });

  it('that throws is answered with its error, and the transaction is rolled back', async () => {
    pay = () => {
      throw new Error('no money');
    };
    let rolledBack: unknown;
    store.script = async (run) => {
      try {
        await run();
      } catch (error) {
        rolledBack = error;
        throw error;
      }
      return { state: 'committed' };
    };
    const error = await expectFailure(client.call.pay('rent', plain), 'ERR_HOLDFAST_REMOTE');
    expect(error.remote).to.have.property('message', 'no money');
    expect(rolledBack).to.have.property('message', 'no money');
    expect(errors).to.deep.equal([]);
  });

  it('that refuses has not been executed', async () => {
    pay = () => {
      throw refuse({ message: 'closed today' });
    };
    const error = await expectFailure(
      client.call.pay('rent', plain),
      'ERR_HOLDFAST_REFUSED',
      'closed today',
    );
    expect(error.outcome).to.equal('not-executed');
  });

  const states: readonly (readonly [state: Transacted, code: ErrorCode, outcome: string])[] = [
    [{ state: 'mismatch' }, 'ERR_HOLDFAST_KEY_REUSED', 'not-executed'],
    [{ state: 'full' }, 'ERR_HOLDFAST_REFUSED', 'not-executed'],
    [{ state: 'conflict' }, 'ERR_HOLDFAST_REFUSED', 'not-executed'],
    [{ state: 'lost' }, 'ERR_HOLDFAST_UNFINISHED', 'unknown'],
  ];

  for (const [state, code, outcome] of states) {
    it(`is ${outcome} when the store says "${state.state}"`, async () => {
      store.script = async () => state;
      const error = await expectFailure(client.call.pay('rent', plain), code);
      expect(error.outcome).to.equal(outcome);
    });
  }

  it('gets the recorded reply, and waits for another server that runs it', async () => {
    const value = Buffer.from('\xa8recorded', 'latin1');
    const done: Begun = { state: 'done', completion: { kind: 'reply', value, isBytes: false } };
    store.script = async () =>
      store.requests.length < 4 ? { state: 'running', owner: 'another' } : done;
    const call = client.call.pay('rent', plain);
    await clock.pass(400);
    expect(await call).to.equal('recorded');
    expect(runs).to.deep.equal([]);
  });

  it('is refused when its store fails before it runs', async () => {
    store.script = async () => {
      throw new Error('no database');
    };
    const failed = client.call.pay('rent', plain);
    const error = await expectFailure(failed, 'ERR_HOLDFAST_REFUSED', 'completion store');
    expect(error.outcome).to.equal('not-executed');
    expect(errors).to.deep.equal(['no database']);
  });

  it('is unknown when its store fails behind it', async () => {
    store.script = async (run) => {
      await run();
      throw new Error('connection lost in COMMIT');
    };
    const error = await expectFailure(client.call.pay('rent', plain), 'ERR_HOLDFAST_UNFINISHED');
    expect(error.outcome).to.equal('unknown');
    expect(errors).to.deep.equal(['connection lost in COMMIT']);
  });

  it('is unknown when its store is silent behind it', async () => {
    let end: (transacted: Transacted) => void = () => {};
    store.script = async (run) => {
      await run();
      return await new Promise((resolve) => {
        end = resolve;
      });
    };
    const failed = expectFailure(client.call.pay('rent', plain), 'ERR_HOLDFAST_UNFINISHED');
    await clock.pass(5_010);
    expect((await failed).outcome).to.equal('unknown');
    end({ state: 'committed' });
  });

  it('never runs in a transaction that was opened too late', async () => {
    let open: () => void = () => {};
    let ended: unknown;
    store.script = async (run) => {
      await new Promise<void>((resolve) => {
        open = resolve;
      });
      ended = await run().catch((error: unknown) => error);
      throw ended;
    };
    const failed = expectFailure(client.call.pay('rent', plain), 'ERR_HOLDFAST_REFUSED');
    await clock.pass(5_010);
    expect((await failed).outcome).to.equal('not-executed');
    open();
    await clock.pass(10);
    expect(ended).to.be.instanceOf(Error);
    expect(runs).to.deep.equal([]);
  });

  it('takes its time: only the store is bounded', async () => {
    let end: () => void = () => {};
    pay = () =>
      new Promise((resolve) => {
        end = () => resolve('paid at last');
      });
    const call = client.call.pay('rent', plain);
    await clock.pass(20_000);
    end();
    expect(await call).to.equal('paid at last');
  });

  it('may be run again by a store that rolled it back, and its last end counts', async () => {
    let count = 0;
    pay = () => `paid ${++count}`;
    const records: Completion[] = [];
    store.script = async (run) => {
      records.push(await run(), await run());
      return { state: 'committed' };
    };
    expect(await client.call.pay('rent', plain)).to.equal('paid 2');
    expect(records).to.have.length(2);
  });
});

describe('A transactional handler of a verb that is not recorded', () => {
  it('is refused when the server starts', async () => {
    const store = new ScriptedTransactions();
    const append = transactional(store, () => 1);
    const serving = serve(
      defineVerbs({ append: mutate<void, number>() }),
      { append },
      { listen: memory() },
    );
    await expectFailure(serving, 'ERR_HOLDFAST_REGISTRY', 'only "once" is recorded');
  });
});
