import { expect } from 'chai';
import {
  type AttemptEvent,
  type AttemptRecord,
  type Client,
  connect,
  memory,
  refuse,
  type Server,
  serve,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { Gated } from '../support/gated.ts';
import { expectUncaught } from '../support/uncaught.ts';
import { Executions, verbs } from '../support/verbs.ts';

/** What of an attempt does not differ from run to run. */
function gist({ number, phase, evidence, decision }: AttemptRecord): unknown[] {
  return [number, phase, evidence, decision];
}

const refused = [1, 'answered', 'refused', 'send-again'];

describe("A call's attempts", () => {
  let client: Client<typeof verbs>;
  let server: Server;
  let isBusy: boolean;

  beforeEach(async () => {
    const medium = memory();
    const { read, ...others } = new Executions().handlers();
    const busyOnce = (name: string): string => {
      if (isBusy) {
        isBusy = false;
        throw refuse({ retryAfterMs: 1, message: 'not now' });
      }
      if (name === 'bad') throw new Error('not that');
      return read(name);
    };
    isBusy = true;
    server = await serve(verbs, { ...others, read: busyOnce }, { listen: medium });
    client = connect(medium, verbs, { random: () => 0 });
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await server.close();
  });

  it('come with the value from client.withHistory', async () => {
    const { value, attempts } = await client.withHistory.read('x');
    expect(value).to.equal('done x');
    expect(attempts.map(gist)).to.deep.equal([refused, [2, 'answered', 'done', 'deliver']]);
    expect(attempts[0]?.why).to.equal('not now: the server did not execute it');
    expect(attempts[1]?.why).to.equal('the server replied');
    for (const { link, durationMs } of attempts) {
      expect(link).to.match(/#1$/);
      expect(durationMs).to.be.within(0, 5_000);
    }
  });

  it('are told one by one to onAttempt, of a call that is named too', async () => {
    const told: AttemptRecord[] = [];
    const onAttempt = (attempt: AttemptRecord): number => told.push(attempt);
    expect(await client.invoke('read', 'x', { onAttempt })).to.equal('done x');
    expect(told.map(gist)).to.deep.equal([refused, [2, 'answered', 'done', 'deliver']]);
  });

  it('are told to listeners of the event, with the verb', async () => {
    const told: AttemptEvent[] = [];
    const listener = (event: AttemptEvent): number => told.push(event);
    client.on('attempt', listener);
    await client.call.read('x');
    client.off('attempt', listener);
    await client.call.read('y');
    expect(told.map(({ verb, number }) => [verb, number])).to.deep.equal([
      ['read', 1],
      ['read', 2],
    ]);
  });

  it('are all in the error, the one that the handler failed included', async () => {
    const told: AttemptRecord[] = [];
    const onAttempt = (attempt: AttemptRecord): number => told.push(attempt);
    const { code, attempts } = await failureOf(client.call.read('bad', { onAttempt }));
    expect(code).to.equal('ERR_HOLDFAST_REMOTE');
    expect(attempts.map(gist)).to.deep.equal([refused, [2, 'answered', 'done', 'fail']]);
    expect(attempts[1]?.why).to.match(/^the handler failed: not that: it was executed/);
    expect(told).to.deep.equal(attempts);
  });

  it('are in the error of a call with history too', async () => {
    const { attempts } = await failureOf(client.withHistory.read('bad'));
    expect(attempts).to.have.length(2);
  });

  it('do not end a call whose listener throws', async () => {
    isBusy = false;
    await expectUncaught(async () => {
      const failure = new Error('thrown by a listener');
      const onAttempt = (): never => {
        throw failure;
      };
      expect(await client.call.read('x', { onAttempt })).to.equal('done x');
      return failure;
    });
  });

  it('refuse a listener that is none', async () => {
    const { message } = await failureOf(client.call.read('x', { onAttempt: 1 as never }));
    expect(message).to.equal('Option "onAttempt" must be a function, got 1');
  });
});

describe('The attempts of a call that was lost', () => {
  it('are in the error, although the deadline came before its fate was known', async () => {
    const gated = await Gated.start();
    const client = connect(gated.url, verbs, { timeoutMs: 300 });
    const call = failureOf(client.call.mutate('pay'));
    await gated.begun(1);
    gated.breaker.limit = 0;
    gated.breaker.onLimit = () => {};
    gated.breaker.last.reset();
    const { outcome, code, attempts } = await call;
    expect([code, outcome]).to.deep.equal(['ERR_HOLDFAST_DEADLINE', 'unknown']);
    expect(attempts.map(gist)).to.deep.equal([[1, 'sent', 'handed-over', 'fail']]);
    client.destroy();
    await client.closed;
    gated.open('pay');
    await gated.close();
  });
});
