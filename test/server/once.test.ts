import { expect } from 'chai';
import {
  type Begun,
  type CallOptions,
  type Client,
  connect,
  defineVerbs,
  type ErrorCode,
  memory,
  once,
  refuse,
  type Server,
  serve,
} from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { expectFailure } from '../support/failing.ts';
import { ScriptedStore } from '../support/scripted-store.ts';

const verbs = defineVerbs({ pay: once<string, unknown>(), lend: once<string, unknown>() });
const fresh: Begun = { state: 'new' };
const broken = new Error('the disk is gone');
const paidRent: Begun = {
  state: 'done',
  completion: { kind: 'reply', value: Buffer.from('\xa8recorded', 'latin1'), isBytes: false },
};

/** Whoever is refused is told so, and is not sent again by the client. */
const plain: CallOptions = { key: 'k', replay: 'never' };

describe('A "once" call and the store of its record', () => {
  let clock: VirtualClock;
  let store: ScriptedStore;
  let server: Server;
  let client: Client<typeof verbs>;
  let payments: string[];
  let pay: (what: string) => unknown;
  let errors: string[];

  beforeEach(async () => {
    clock = new VirtualClock({ turns: 'real' });
    store = new ScriptedStore();
    payments = [];
    errors = [];
    pay = () => 'paid';
    const run = (what: string): unknown => {
      payments.push(what);
      return pay(what);
    };
    const listen = memory();
    server = await serve(
      verbs,
      { pay: run, lend: run },
      { listen, clock, completions: store, maxOnceReplyBytes: 1_000 },
    );
    server.on('storeError', ({ verb, error }) => {
      errors.push(`${verb}: ${(error as Error).message}`);
    });
    client = connect(listen, verbs, { clock });
  });

  afterEach(async () => {
    client.destroy();
    await server.close();
    expect(clock.keepsAlive).to.equal(false);
  });

  it('is begun, run, finished and answered, in this order', async () => {
    let isAnswered = false;
    const call = client.call.pay('rent', plain).finally(() => {
      isAnswered = true;
    });
    const begin = await store.call(0, 'begin');
    await clock.pass(100);
    expect(payments).to.deep.equal([]);
    begin.answer(fresh);
    const finish = await store.call(1, 'finish');
    expect(payments).to.deep.equal(['rent']);
    await clock.pass(100);
    expect(isAnswered).to.equal(false);
    finish.answer(fresh);
    expect(await call).to.equal('paid');
    expect(finish.request).to.include({ owner: begin.request.owner, takesOver: false });
    expect(finish.request.ticket).to.equal(begin.request.ticket);
  });

  it('runs once when it comes twice before the store has answered', async () => {
    const calls = [client.call.pay('rent', plain), client.call.pay('rent', plain)];
    const begin = await store.call(0, 'begin');
    await clock.pass(100);
    begin.answer(fresh);
    (await store.call(1, 'finish')).answer(fresh);
    expect(await Promise.all(calls)).to.deep.equal(['paid', 'paid']);
    expect(payments).to.deep.equal(['rent']);
    expect(store.calls).to.have.length(2);
  });

  it('is told apart from another under its key before the store has answered', async () => {
    const call = client.call.pay('rent', plain);
    const begin = await store.call(0, 'begin');
    await expectFailure(client.call.pay('tax', plain), 'ERR_HOLDFAST_KEY_REUSED');
    await expectFailure(client.call.lend('rent', plain), 'ERR_HOLDFAST_KEY_REUSED');
    begin.answer(fresh);
    (await store.call(1, 'finish')).answer(fresh);
    expect(await call).to.equal('paid');
  });

  const states: readonly (readonly [
    begun: Begun,
    code: ErrorCode,
    outcome: string,
    text: string,
  ])[] = [
    [{ state: 'mismatch' }, 'ERR_HOLDFAST_KEY_REUSED', 'not-executed', 'another input'],
    [{ state: 'full' }, 'ERR_HOLDFAST_REFUSED', 'not-executed', 'cannot record another'],
    [{ state: 'lost' }, 'ERR_HOLDFAST_UNFINISHED', 'unknown', 'is gone'],
  ];

  for (const [begun, code, outcome, text] of states) {
    it(`does not run when the store says "${begun.state}", and is ${outcome}`, async () => {
      const call = client.call.pay('rent', plain);
      (await store.call(0, 'begin')).answer(begun);
      const error = await expectFailure(call, code, text);
      expect(error.outcome).to.equal(outcome);
      expect(payments).to.deep.equal([]);
    });
  }

  it('gets the recorded reply', async () => {
    const call = client.call.pay('rent', plain);
    (await store.call(0, 'begin')).answer(paidRent);
    expect(await call).to.equal('recorded');
    expect(payments).to.deep.equal([]);
  });

  it('is refused when the store fails, and may take its record over later', async () => {
    const first = client.call.pay('rent', plain);
    const begin = await store.call(0, 'begin');
    begin.fail(broken);
    const error = await expectFailure(first, 'ERR_HOLDFAST_REFUSED', 'completion store');
    expect(error).to.include({ outcome: 'not-executed', final: false });
    expect(errors).to.deep.equal(['pay: the disk is gone']);
    const again = client.call.pay('rent', plain);
    const second = await store.call(1, 'begin');
    expect(second.request.takesOver).to.equal(true);
    expect(second.request.ticket).to.be.above(begin.request.ticket);
    second.answer(fresh);
    (await store.call(2, 'finish')).answer(fresh);
    expect(await again).to.equal('paid');
    const third = client.call.pay('rent', plain);
    const last = await store.call(3, 'begin');
    expect(last.request.takesOver).to.equal(false);
    last.answer(paidRent);
    expect(await third).to.equal('recorded');
    expect(payments).to.deep.equal(['rent']);
  });

  it('is refused when the store is silent; what it says later runs nothing', async () => {
    const call = client.call.pay('rent', plain);
    const failed = expectFailure(call, 'ERR_HOLDFAST_REFUSED', 'completion store');
    const begin = await store.call(0, 'begin');
    await clock.pass(5_010);
    expect((await failed).outcome).to.equal('not-executed');
    expect(errors).to.deep.equal(['pay: Completion store: no answer within 5000 ms']);
    await expectFailure(client.call.pay('rent', plain), 'ERR_HOLDFAST_REFUSED', 'completion store');
    expect(store.calls).to.have.length(1);
    begin.answer(fresh);
    const abandon = await store.call(1, 'abandon');
    expect(abandon.request.ticket).to.equal(begin.request.ticket);
    await expectFailure(client.call.pay('rent', plain), 'ERR_HOLDFAST_REFUSED', 'completion store');
    abandon.answer(fresh);
    await clock.pass(1);
    const again = client.call.pay('rent', plain);
    (await store.call(2, 'begin')).answer(fresh);
    (await store.call(3, 'finish')).answer(fresh);
    expect(await again).to.equal('paid');
    expect(payments).to.deep.equal(['rent']);
  });

  it('is answered although its end cannot be recorded, and that is tried until it works', async () => {
    const call = client.call.pay('rent', plain);
    (await store.call(0, 'begin')).answer(fresh);
    for (let tries = 1; tries <= 4; tries++) {
      (await store.call(tries, 'finish')).fail(broken);
      // Meanwhile the server itself knows how it ended.
      expect(await client.call.pay('rent', plain)).to.equal('paid');
      await clock.pass(100 * 2 ** (tries - 1) + 5);
    }
    expect(await call).to.equal('paid');
    expect(errors).to.deep.equal(new Array(4).fill('pay: the disk is gone'));
    (await store.call(5, 'finish')).answer(fresh);
    await clock.pass(1);
    const repeat = client.call.pay('rent', plain);
    (await store.call(6, 'begin')).answer(paidRent);
    expect(await repeat).to.equal('recorded');
    expect(payments).to.deep.equal(['rent']);
  });

  it('is answered although the store is silent when its end is to be recorded', async () => {
    const call = client.call.pay('rent', plain);
    (await store.call(0, 'begin')).answer(fresh);
    const finish = await store.call(1, 'finish');
    await clock.pass(5_010);
    expect(await call).to.equal('paid');
    expect(await client.call.pay('rent', plain)).to.equal('paid');
    finish.fail(broken);
    await clock.pass(110);
    (await store.call(2, 'finish')).answer(fresh);
    expect(payments).to.deep.equal(['rent']);
  });

  it('waits for another server that runs it, looking less and less often', async () => {
    const call = client.call.pay('rent', plain);
    const running: Begun = { state: 'running', owner: 'another server' };
    (await store.call(0, 'begin')).answer(running);
    for (const [at, waitMs] of [50, 100, 200, 400, 500, 500].entries()) {
      await clock.pass(waitMs - 10);
      expect(store.calls).to.have.length(at + 1);
      await clock.pass(20);
      (await store.call(at + 1, 'begin')).answer(running);
    }
    await clock.pass(510);
    (await store.call(7, 'begin')).answer(paidRent);
    expect(await call).to.equal('recorded');
    expect(payments).to.deep.equal([]);
  });

  it('is not looked for any more when its caller has given up', async () => {
    const call = client.call.pay('rent', { ...plain, timeoutMs: 1_000 });
    const failed = expectFailure(call, 'ERR_HOLDFAST_DEADLINE');
    (await store.call(0, 'begin')).answer({ state: 'running', owner: 'another server' });
    let asked = 0;
    for (let steps = 0; steps < 40; steps++) {
      await clock.pass(50);
      for (const { answer } of store.calls.slice(asked)) {
        answer({ state: 'running', owner: 'another server' });
      }
      asked = store.calls.length;
    }
    await failed;
    expect(asked).to.be.within(4, 6);
    const last = asked;
    await clock.pass(5_000);
    expect(store.calls).to.have.length(last);
  });

  it('is unknown when its record is of this server, which does not run it', async () => {
    const call = client.call.pay('rent', plain);
    const begin = await store.call(0, 'begin');
    begin.answer({ state: 'running', owner: begin.request.owner });
    const error = await expectFailure(call, 'ERR_HOLDFAST_UNFINISHED');
    expect(error.outcome).to.equal('unknown');
    expect(payments).to.deep.equal([]);
  });

  it('does not run when its caller has given up before the store has answered', async () => {
    const controller = new AbortController();
    const call = client.call.pay('rent', { ...plain, signal: controller.signal });
    const failed = expectFailure(call, 'ERR_HOLDFAST_ABORTED');
    const begin = await store.call(0, 'begin');
    controller.abort();
    await failed;
    await clock.pass(5);
    begin.answer(fresh);
    (await store.call(1, 'abandon')).answer(fresh);
    expect(payments).to.deep.equal([]);
  });

  it('has its end recorded although its caller has given up', async () => {
    let end: (value: string) => void = () => {};
    pay = () =>
      new Promise((resolve) => {
        end = resolve;
      });
    const controller = new AbortController();
    const call = client.call.pay('rent', { ...plain, signal: controller.signal });
    const failed = expectFailure(call, 'ERR_HOLDFAST_ABORTED');
    (await store.call(0, 'begin')).answer(fresh);
    await clock.pass(5);
    controller.abort();
    expect((await failed).outcome).to.equal('unknown');
    await clock.pass(5);
    end('paid after all');
    const finish = await store.call(1, 'finish');
    expect(finish.completion).to.have.property('kind', 'reply');
    finish.answer(fresh);
  });

  it('leaves no record when its handler refuses, however often that has to be tried', async () => {
    pay = () => {
      throw refuse({ message: 'closed today' });
    };
    const call = client.call.pay('rent', plain);
    const failed = expectFailure(call, 'ERR_HOLDFAST_REFUSED', 'closed today');
    (await store.call(0, 'begin')).answer(fresh);
    (await store.call(1, 'abandon')).fail(broken);
    expect((await failed).outcome).to.equal('not-executed');
    await expectFailure(client.call.pay('rent', plain), 'ERR_HOLDFAST_REFUSED', 'completion store');
    await clock.pass(105);
    (await store.call(2, 'abandon')).answer(fresh);
    await clock.pass(1);
    pay = () => 'paid';
    const again = client.call.pay('rent', plain);
    (await store.call(3, 'begin')).answer(fresh);
    (await store.call(4, 'finish')).answer(fresh);
    expect(await again).to.equal('paid');
  });

  it('gets a reply that is too large to keep, and a repeat learns that it was executed', async () => {
    pay = () => Buffer.alloc(1_001);
    const call = client.call.pay('rent', plain);
    (await store.call(0, 'begin')).answer(fresh);
    const finish = await store.call(1, 'finish');
    finish.answer(fresh);
    expect(await call).to.have.length(1_001);
    const { completion } = finish;
    if (completion === undefined) throw new Error('A completion is recorded');
    const repeat = client.call.pay('rent', plain);
    (await store.call(2, 'begin')).answer({ state: 'done', completion });
    const error = await expectFailure(repeat, 'ERR_HOLDFAST_REMOTE', '1001 bytes');
    expect(error.outcome).to.equal('executed');
    expect(error.remote).to.have.property('code', 'ERR_HOLDFAST_REPLY_NOT_KEPT');
  });

  it('has a failure recorded that is of bounded size', async () => {
    pay = () => {
      throw Object.assign(new Error('m'.repeat(100_000)), { data: 'd'.repeat(2_000), code: 'E1' });
    };
    const call = client.call.pay('rent', plain);
    (await store.call(0, 'begin')).answer(fresh);
    const finish = await store.call(1, 'finish');
    finish.answer(fresh);
    await expectFailure(call, 'ERR_HOLDFAST_REMOTE', 'mmm');
    if (finish.completion?.kind !== 'error') throw new Error('An error is recorded');
    const { code, message, data } = finish.completion.failure;
    expect(code).to.equal('E1');
    expect(message).to.have.length(8 * 1024 + 1);
    expect(data).to.equal(undefined);
  });

  it('asks for its record to be kept for longer than any repeat can come', async () => {
    const short = client.call.pay('rent', { ...plain, timeoutMs: 1_000 });
    const begin = await store.call(0, 'begin');
    expect(begin.request.keepMs).to.equal(600_000);
    begin.answer(fresh);
    const finish = await store.call(1, 'finish');
    // A repeat that may come later than the first call could.
    const long = client.call.pay('rent', { ...plain, timeoutMs: 3_600_000 });
    await clock.pass(5);
    finish.fail(broken);
    await clock.pass(105);
    const again = await store.call(2, 'finish');
    expect(again.request.keepMs).to.be.within(3_600_000 + 69_000, 3_600_000 + 70_000);
    again.answer(fresh);
    expect(await Promise.all([short, long])).to.deep.equal(['paid', 'paid']);
  });
});
