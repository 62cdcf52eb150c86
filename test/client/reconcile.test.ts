import { expect } from 'chai';
import {
  type Client,
  type ClientOptions,
  connect,
  defineVerbs,
  HoldfastError,
  mutate,
  type Reconcile,
  type ReconcileContext,
  type Reconciled,
} from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failure.ts';
import { Gated, Switch } from '../support/gated.ts';
import { settled } from '../support/recorder.ts';
import { verbs } from '../support/verbs.ts';

type Answer = Reconciled<string> | Promise<Reconciled<string>>;

/** An application that is asked, and answers when the test says so. */
class Application {
  readonly questions: { readonly input: unknown; readonly context: ReconcileContext }[] = [];
  readonly asked: Promise<ReconcileContext>;
  answer: (input: string) => Answer = () => new Promise(() => {});
  #tell: (context: ReconcileContext) => void = () => {};
  readonly reconcile: Reconcile = (input, context) => {
    this.questions.push({ input, context });
    this.#tell(context);
    return this.answer(input);
  };

  constructor() {
    this.asked = new Promise((resolve) => {
      this.#tell = resolve;
    });
  }
}

describe('An application that is asked what became of a call', () => {
  let clock: VirtualClock;
  let one: Gated;
  let other: Gated;
  let path: Switch;
  let application: Application;
  let client: Client<typeof verbs>;

  beforeEach(async () => {
    clock = new VirtualClock({ turns: 'real' });
    [one, other] = await Promise.all([Gated.start(), Gated.start()]);
    path = new Switch();
    path.target = one.url;
    application = new Application();
    await start();
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await Promise.all([one.close(), other.close()]);
    expect(client.pending).to.equal(0);
  });

  async function start(options: ClientOptions<typeof verbs> = {}): Promise<void> {
    client?.destroy();
    await client?.closed;
    const { reconcile } = application;
    const all = { mutate: reconcile, semi: reconcile };
    client = connect(path, verbs, { clock, random: () => 0, reconcile: all, ...options });
    await client.ready();
  }

  /** The server that had the call is gone; another one takes its place. */
  function kill(): void {
    path.target = other.url;
    one.breaker.last.reset();
  }

  /** A call that ran at a server which is gone. */
  async function lose<Told>(start: () => Promise<Told>): Promise<Told> {
    const count = one.executions.total;
    const call = start();
    await one.begun(count + 1);
    kill();
    return call;
  }

  const pay = (): Promise<string> => client.call.mutate('pay', { timeoutMs: 1_000 });

  function executed(name: string): number[] {
    return [one.executions.of(name), other.executions.of(name)];
  }

  it('gives the call its output, when it was applied', async () => {
    application.answer = (name) => ({ result: 'applied', output: `found ${name}` });
    expect(await lose(pay)).to.equal('found pay');
    expect(executed('pay')).to.deep.equal([1, 0]);
  });

  it('is told the input, the verb, the key and what happened', async () => {
    application.answer = () => ({ result: 'applied', output: '' });
    await lose(() => client.call.mutate('pay', { key: 'k-1' }));
    const [{ input, context } = expect.fail()] = application.questions;
    expect([input, context.verb, context.key]).to.deep.equal(['pay', 'mutate', 'k-1']);
    expect(context.signal.aborted).to.equal(false);
    expect(
      context.attempts.map(({ number, evidence, decision }) => [number, evidence, decision]),
    ).to.deep.equal([[1, 'forgotten', 'ask']]);
  });

  it('has the call sent again, whatever its class, when it was not applied', async () => {
    application.answer = () => ({ result: 'not-applied' });
    const replays: unknown[] = [];
    client.on('replay', ({ verb, attempt, why }) => replays.push([verb, attempt, why]));
    const call = lose(pay);
    await other.begun(1);
    other.open('pay');
    expect(await call).to.equal('done pay');
    expect(executed('pay')).to.deep.equal([1, 1]);
    const why = 'the application says that it was not applied';
    expect(replays).to.deep.equal([['mutate', 2, why]]);
    expect(application.questions).to.have.length(1);
  });

  it('leaves it unknown, when that cannot be told', async () => {
    application.answer = () => ({ result: 'unknown' });
    const { code, outcome, attempts, message } = await failureOf(lose(pay));
    expect([code, outcome]).to.deep.equal(['ERR_HOLDFAST_LOST', 'unknown']);
    expect(attempts.map(({ decision }) => decision)).to.deep.equal(['ask']);
    expect(message).to.include('the application was asked what became of it, and cannot tell');
    expect(executed('pay')).to.deep.equal([1, 0]);
  });

  it('leaves it unknown when it throws or rejects, with what it threw as the cause', async () => {
    const broken = new Error('the database is away');
    const answers: (() => Answer)[] = [
      () => {
        throw broken;
      },
      () => Promise.reject(broken),
    ];
    for (const answer of answers) {
      path.target = one.url;
      application.answer = answer;
      await start();
      const error = await failureOf(lose(pay));
      expect([error.code, error.outcome]).to.deep.equal(['ERR_HOLDFAST_LOST', 'unknown']);
      expect(error.cause).to.equal(broken);
      expect(error.message).to.include('and failed (the database is away)');
    }
    expect(other.executions.total).to.equal(0);
  });

  it('leaves it unknown when its answer is none, and says what was wrong', async () => {
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const wrong: readonly (readonly [answer: unknown, shown: string])[] = [
      [undefined, 'got undefined'],
      [null, 'got null'],
      [true, 'got true'],
      ['applied', 'got "applied"'],
      [{}, 'got undefined'],
      [{ result: 'APPLIED', output: 'x' }, 'got "APPLIED"'],
      [{ result: ['applied'] }, 'got an array'],
      [revoked.proxy, 'revoked'],
    ];
    for (const [answer, shown] of wrong) {
      path.target = one.url;
      application.answer = () => answer as Answer;
      await start();
      const error = await failureOf(lose(pay));
      expect([error.code, error.outcome], shown).to.deep.equal(['ERR_HOLDFAST_LOST', 'unknown']);
      expect((error.cause as Error).message).to.include(shown);
    }
    expect(other.executions.total).to.equal(0);
  });

  it('has time until the deadline, and nothing that it says later counts', async () => {
    let late: (answer: Reconciled<string>) => void = () => {};
    application.answer = () =>
      new Promise((resolve) => {
        late = resolve;
      });
    const call = failureOf(lose(pay));
    const { signal } = await application.asked;
    expect(client.pending).to.equal(1);
    clock.advance(990);
    expect(signal.aborted).to.equal(false);
    clock.advance(20);
    const { code, outcome, message } = await call;
    expect([code, outcome]).to.deep.equal(['ERR_HOLDFAST_DEADLINE', 'unknown']);
    expect(message).to.include('before the application had told what became of it');
    expect([signal.aborted, client.pending]).to.deep.equal([true, 0]);
    late({ result: 'not-applied' });
    await settled(() => other.executions.total);
    expect(executed('pay')).to.deep.equal([1, 0]);
  });

  it('cannot hold a call past its deadline with an output that is still to come', async () => {
    const output = new Promise(() => {}) as unknown as string;
    application.answer = () => ({ result: 'applied', output });
    const call = failureOf(lose(pay));
    await application.asked;
    clock.advance(1_010);
    expect(await call).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'unknown' });
  });

  it('is not wanted any more when the call is cancelled, and when the client is destroyed', async () => {
    const cancel = new AbortController();
    const cancelled = failureOf(client.call.mutate('one', { signal: cancel.signal }));
    const destroyed = failureOf(client.call.mutate('two'));
    await one.begun(2);
    kill();
    while (application.questions.length < 2) await new Promise(setImmediate);
    const [first, second] = application.questions.map(({ context }) => context.signal);
    cancel.abort();
    expect(await cancelled).to.include({ code: 'ERR_HOLDFAST_ABORTED', outcome: 'unknown' });
    expect([first?.aborted, second?.aborted]).to.deep.equal([true, false]);
    client.destroy();
    expect(await destroyed).to.include({ code: 'ERR_HOLDFAST_CLOSED', outcome: 'unknown' });
    expect(second?.aborted).to.equal(true);
  });

  it('may make calls with the same client, also at its limit of calls', async () => {
    await start({ maxCalls: 1 });
    let found = '';
    application.answer = async () => {
      found = await client.call.read('is it paid?');
      return { result: 'applied', output: 'paid' };
    };
    expect(await lose(pay)).to.equal('paid');
    expect(found).to.equal('done is it paid?');
  });

  it('is asked while the client closes, which waits for the answer but makes no new calls', async () => {
    let answer: (answer: Reconciled<string>) => void = () => {};
    application.answer = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const call = lose(pay);
    await application.asked;
    const closed = client.close();
    const late = await failureOf(client.call.read('is it paid?'));
    expect(late).to.include({ code: 'ERR_HOLDFAST_CLOSED', outcome: 'not-executed' });
    answer({ result: 'not-applied' });
    await other.begun(1);
    other.open('pay');
    expect(await call).to.equal('done pay');
    await closed;
  });

  it('is asked after the time of one attempt', async () => {
    application.answer = () => ({ result: 'applied', output: 'found' });
    const call = client.call.mutate('pay', { attemptTimeoutMs: 100 });
    await one.begun(1);
    clock.advance(110);
    expect(await call).to.equal('found');
    await one.until(() => one.aborted.includes('pay'));
  });

  it('is not asked of what was not sent, nor when the deadline passes, nor of other verbs', async () => {
    const running = failureOf(client.call.mutate('pay', { timeoutMs: 1_000 }));
    await one.begun(1);
    clock.advance(1_010);
    expect(await running).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'unknown' });
    await start({ reconcile: { semi: application.reconcile } });
    path.target = one.url;
    const call = client.call.mutate('pay');
    await one.begun(2);
    kill();
    expect(await failureOf(call)).to.include({ code: 'ERR_HOLDFAST_LOST', outcome: 'unknown' });
    expect(application.questions).to.deep.equal([]);
  });

  it('is asked no more often than the call may be tried', async () => {
    await start({ maxAttempts: 2 });
    application.answer = () => ({ result: 'not-applied' });
    const third = await Gated.start();
    const call = failureOf(lose(pay));
    await other.begun(1);
    path.target = third.url;
    other.breaker.last.reset();
    const { code, outcome, message } = await call;
    expect([code, outcome]).to.deep.equal(['ERR_HOLDFAST_LOST', 'not-executed']);
    expect(message).to.include('was not applied, but all attempts are used up');
    expect(application.questions).to.have.length(2);
    await settled(() => third.executions.total);
    expect([...executed('pay'), third.executions.total]).to.deep.equal([1, 1, 0]);
    await third.close();
  });

  it('does not have a call sent again whose replay is "never": it was not executed then', async () => {
    application.answer = () => ({ result: 'not-applied' });
    const call = lose(() => client.call.mutate('pay', { replay: 'never' }));
    const { code, outcome } = await failureOf(call);
    expect([code, outcome]).to.deep.equal(['ERR_HOLDFAST_LOST', 'not-executed']);
    await settled(() => other.executions.total);
    expect(executed('pay')).to.deep.equal([1, 0]);
  });

  it('is asked when no server can be reached for good, and not disturbed by that', async () => {
    const wrong = new HoldfastError('ERR_HOLDFAST_UNAUTHENTICATED', 'who are you?', {
      final: true,
    });
    const calls = [client.call.mutate('asked late'), client.call.mutate('asked early')] as const;
    await one.begun(2);
    const gate = Promise.reject(wrong);
    gate.catch(() => {});
    path.gate = gate;
    application.answer = async (name) => {
      // No server can be reached while the application looks, either.
      const error = await failureOf(client.call.read('x'));
      return { result: 'applied', output: `${name}: ${error.code}` };
    };
    one.breaker.last.reset();
    const told = await Promise.all(calls);
    expect(told).to.deep.equal([
      'asked late: ERR_HOLDFAST_UNAUTHENTICATED',
      'asked early: ERR_HOLDFAST_UNAUTHENTICATED',
    ]);
  });

  it('is asked when the next server holds the verb for stricter', async () => {
    const strict = await Gated.start(
      undefined,
      defineVerbs({ ...verbs, semi: mutate<string, string>() }),
    );
    application.answer = () => ({ result: 'applied', output: 'it is locked' });
    const call = client.call.semi('lock');
    await one.begun(1);
    path.target = strict.url;
    one.breaker.last.reset();
    expect(await call).to.equal('it is locked');
    expect(strict.executions.total).to.equal(0);
    await strict.close();
  });

  it('is not asked when the server that had the call lives: it can tell', async () => {
    const call = client.call.mutate('pay');
    await one.begun(1);
    const lost = new Promise((resolve) => client.once('state', ({ next }) => resolve(next)));
    one.breaker.last.reset();
    expect(await lost).to.equal('idle');
    one.open('pay');
    expect(await call).to.equal('done pay');
    expect(application.questions).to.deep.equal([]);
  });

  it('is believed only until the server that had the call says that it runs', async () => {
    application.answer = () => ({ result: 'not-applied' });
    const call = lose(pay);
    await other.begun(1);
    path.target = one.url;
    other.breaker.last.reset();
    await client.ready();
    one.open('pay');
    expect(await call).to.equal('done pay');
    expect(executed('pay')).to.deep.equal([1, 1]);
  });

  it('is asked of a call that ran once and was refused for good when it was sent again', async () => {
    const refusing = await Gated.start(undefined, verbs, { maxIncomingBytes: 2 });
    for (const result of ['unknown', 'not-applied'] as const) {
      path.target = one.url;
      application.answer = () => ({ result });
      await start();
      const count = one.executions.total;
      const call = failureOf(client.call.semi('lock'));
      await one.begun(count + 1);
      path.target = refusing.url;
      one.breaker.last.reset();
      const { code, outcome } = await call;
      const known = result === 'unknown' ? 'unknown' : 'not-executed';
      expect([code, outcome]).to.deep.equal(['ERR_HOLDFAST_INCOMING_FULL', known]);
    }
    expect(refusing.executions.total).to.equal(0);
    await refusing.close();
  });
});
