import { expect } from 'chai';
import { type AttemptFailure, type RetryContext, refuse } from '../../lib/index.ts';
import { Answering, passing } from '../support/answering.ts';
import { failureOf } from '../support/failure.ts';
import { verbs } from '../support/verbs.ts';

describe('A failure that `retryIf` is told of', () => {
  let far: Answering<typeof verbs>;

  beforeEach(async () => {
    far = await Answering.start(verbs);
  });

  afterEach(() => far.close());

  const final = (): Error => new Error('no');

  it('is sent again because the application says so, where its class permits that', async () => {
    const asked: [AttemptFailure, RetryContext][] = [];
    far.connect({
      retryIf: (failure, context) => {
        asked.push([failure, context]);
        return true;
      },
    });
    far.failing(1, final);
    const call = far.client.call.read('a');
    await far.replayed(1);
    await far.clock.pass(60);
    expect(await call).to.equal('good a');
    expect(await failureOf(far.client.call.mutate('b'))).to.include({ outcome: 'executed' });
    expect(await failureOf(far.client.call.once('c'))).to.include({ outcome: 'executed' });
    expect(await failureOf(far.client.call.semi('d', { replay: 'idempotent' }))).to.include({
      outcome: 'executed',
    });
    expect([far.executions.of('b'), far.executions.of('c'), far.executions.of('d')]).to.deep.equal([
      1, 1, 1,
    ]);
    expect(asked).to.have.length(1);
    const [[failure, context]] = asked as [[AttemptFailure, RetryContext]];
    expect(failure).to.deep.include({
      kind: 'remote',
      transient: false,
      code: 'ERR_HOLDFAST_REMOTE',
      message: 'no',
      remote: { code: 'ERROR', message: 'no' },
    });
    expect(context).to.include({
      verb: 'read',
      safety: 'read',
      attempt: 1,
      outcome: 'executed',
    });
    expect(context.remainingMs).to.be.within(1, 30_000);
    expect(far.replays[0]?.why).to.include('and retryIf says yes');
  });

  it('is not sent again because the application says so', async () => {
    far.connect({ retryIf: () => true });
    far.failing(1, passing);
    const error = await failureOf(far.client.call.read('a', { retryIf: () => false }));
    expect([error.outcome, far.executions.of('a')]).to.deep.equal(['executed', 1]);
    expect(error.message).to.include('but retryIf says no');
  });

  it('decides as without it when it says nothing', async () => {
    far.connect({ retryIf: () => undefined });
    far.failing(1, passing);
    const call = far.client.call.read('a');
    await far.replayed(1);
    await far.clock.pass(60);
    expect(await call).to.equal('good a');
    far.failing(1, final);
    expect((await failureOf(far.client.call.read('b'))).outcome).to.equal('executed');
  });

  it('counts as a no when it throws or says anything else, and the error says so', async () => {
    far.failing(9, passing);
    for (const [retryIf, why] of [
      [
        () => {
          throw new Error('oops');
        },
        'retryIf failed (oops)',
      ],
      [
        (() => Promise.reject(new Error('late'))) as unknown as () => boolean,
        'retryIf must return true, false or undefined, got an object',
      ],
      [(() => 'yes') as unknown as () => boolean, 'got "yes"'],
    ] as const) {
      const error = await failureOf(far.client.call.read('a', { retryIf }));
      expect(error.message).to.include(why);
      expect(error.attempts.at(-1)?.why).to.include(why);
    }
    expect(far.executions.of('a')).to.equal(3);
  });

  describe('with a proof that nothing ran', () => {
    const refused = (options?: Parameters<typeof refuse>[0]) => (): Error => refuse(options);

    it('lets a call be sent again that was refused for good, whatever its class', async () => {
      far.failing(1, refused());
      expect((await failureOf(far.client.call.mutate('a'))).outcome).to.equal('not-executed');
      far.failing(1, refused());
      const call = far.client.call.mutate('b', { retryIf: ({ kind }) => kind === 'refused' });
      await far.replayed(1);
      await far.clock.pass(60);
      expect(await call).to.equal('good b');
    });

    it('ends a call that could be sent again', async () => {
      far.failing(1, refused({ retryAfterMs: 1 }));
      const asked: (readonly unknown[])[] = [];
      const error = await failureOf(
        far.client.call.mutate('a', {
          retryIf: ({ transient, retryAfterMs }, { outcome }) => {
            asked.push([transient, retryAfterMs, outcome]);
            return false;
          },
        }),
      );
      expect([error.code, error.outcome]).to.deep.equal(['ERR_HOLDFAST_REFUSED', 'not-executed']);
      expect(asked).to.deep.equal([[true, 1, 'not-executed']]);
      expect(error.attempts[0]?.why).to.include('but retryIf says no');
    });
  });

  it('may be a lost connection or the end of the time for one attempt', async () => {
    far.handle = () => new Promise(() => {});
    const kinds: string[] = [];
    const retryIf = ({ kind }: AttemptFailure): boolean => {
      kinds.push(kind);
      return false;
    };
    const late = failureOf(far.client.call.read('a', { retryIf, attemptTimeoutMs: 100 }));
    const lost = failureOf(far.client.call.read('b', { retryIf }));
    const harmful = failureOf(far.client.call.mutate('c', { retryIf, attemptTimeoutMs: 100 }));
    while (far.executions.total < 3) await new Promise(setImmediate);
    await far.clock.pass(110);
    expect(await late).to.include({ code: 'ERR_HOLDFAST_ATTEMPT_TIMEOUT', outcome: 'unknown' });
    expect(await harmful).to.include({ outcome: 'unknown' });
    await far.server.close();
    const error = await lost;
    expect(error).to.include({ code: 'ERR_HOLDFAST_LOST', outcome: 'unknown' });
    expect(error.message).to.include('but retryIf says no');
    expect(kinds).to.deep.equal(['timeout', 'lost']);
  });
});
