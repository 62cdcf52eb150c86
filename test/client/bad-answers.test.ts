import { expect } from 'chai';
import {
  connect,
  defineVerbs,
  HoldfastError,
  idempotent,
  mutate,
  once,
  read,
  type StandardSchema,
  semi,
  serve,
  transient,
} from '../../lib/index.ts';
import { Answering, passing } from '../support/answering.ts';
import { failureOf } from '../support/failure.ts';

/** Passes what begins with "good". */
const good: StandardSchema<string, string> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      String(value).startsWith('good')
        ? { value: `${value}, validated` }
        : { issues: [{ message: 'must be good' }] },
  },
};

const verbs = defineVerbs({
  read: read<string, string>(),
  idempotent: idempotent<string, string>({ maxReplayAgeMs: 500 }),
  semi: semi<string, string>(),
  once: once<string, string>(),
  mutate: mutate<string, string>(),
  leased: semi<string, string>({ leaseMs: 1_000 }),
  picky: idempotent<string, string>({ accept: (output) => output.startsWith('good') }),
  few: read<string, string>({ maxAttempts: 2 }),
});

describe('A call whose answer is no good', () => {
  let far: Answering<typeof verbs>;

  beforeEach(async () => {
    far = await Answering.start(verbs);
  });

  afterEach(() => far.close());

  for (const name of ['read', 'idempotent', 'semi'] as const) {
    it(`is made again when a handler of a "${name}" verb says that it will pass`, async () => {
      far.failing(1, passing);
      const call = far.client.call[name]('a');
      await far.replayed(1);
      expect(far.executions.of('a')).to.equal(1);
      // Half of the first back-off: nothing is sent before.
      await far.clock.pass(40);
      expect(far.executions.of('a')).to.equal(1);
      await far.clock.pass(20);
      expect(await call).to.equal('good a');
      expect([far.executions.of('a'), far.attempts]).to.deep.equal([2, [1, 2]]);
      expect(far.replays).to.deep.equal([
        {
          verb: name,
          attempt: 2,
          evidence: 'done',
          why: `it was executed, and "${name}" may be repeated`,
        },
      ]);
    });
  }

  for (const name of ['once', 'mutate'] as const) {
    it(`ends a "${name}" call, whatever its handler says`, async () => {
      far.failing(1, passing);
      const error = await failureOf(far.client.call[name]('a'));
      expect([error.code, error.outcome]).to.deep.equal(['ERR_HOLDFAST_REMOTE', 'executed']);
      expect(far.executions.of('a')).to.equal(1);
      expect(await failureOf(far.client.call[name]('b', { accept: () => false }))).to.include({
        outcome: 'executed',
      });
      expect(far.executions.of('b')).to.equal(1);
    });
  }

  it('ends when the handler says nothing of that', async () => {
    far.failing(1, () => Object.assign(new Error('no such file'), { code: 'ENOENT' }));
    const error = await failureOf(far.client.call.read('a'));
    expect(error.message).to.equal('Call "read" failed at the server: no such file');
    expect(error.remote).to.deep.equal({ code: 'ENOENT', message: 'no such file' });
    expect(
      error.attempts.map(({ phase, evidence, decision, why }) => [phase, evidence, decision, why]),
    ).to.deep.equal([
      [
        'answered',
        'done',
        'fail',
        'the handler failed: no such file: it was executed, and trying again is not thought to help',
      ],
    ]);
    expect(far.executions.of('a')).to.equal(1);
  });

  it('takes a property `transient` of an error for the mark, but not that of a call of its own', async () => {
    far.failing(1, () => Object.assign(new Error('busy'), { transient: true }));
    const call = far.client.call.read('a');
    await far.replayed(1);
    await far.clock.pass(60);
    expect(await call).to.equal('good a');
    const inner = Object.assign(new HoldfastError('ERR_HOLDFAST_LOST', 'inner'), {
      transient: true,
    });
    far.failing(1, () => inner);
    const error = await failureOf(far.client.call.read('b'));
    expect(error.remote).to.deep.equal({ code: 'ERR_HOLDFAST_LOST', message: 'inner' });
    far.failing(1, () => transient(inner));
    const again = far.client.call.read('c');
    await far.replayed(2);
    await far.clock.pass(60);
    expect(await again).to.equal('good c');
  });

  it('ends when its attempts are used up, with the last answer', async () => {
    far.failing(9, passing);
    const call = failureOf(far.client.call.few('a'));
    await far.replayed(1);
    await far.clock.pass(60);
    const error = await call;
    expect([error.code, error.outcome, far.executions.of('a')]).to.deep.equal([
      'ERR_HOLDFAST_REMOTE',
      'executed',
      2,
    ]);
    expect(error.message).to.include('all attempts are used up');
    expect(error.remote).to.include({ transient: true });
    expect(error.attempts.map(({ decision }) => decision)).to.deep.equal(['send-again', 'fail']);
  });

  it('waits longer from time to time, with full jitter', async () => {
    far.failing(3, passing);
    const call = far.client.call.read('a');
    const waits = [50, 100, 200];
    for (const [index, waitMs] of waits.entries()) {
      await far.replayed(index + 1);
      await far.clock.pass(waitMs - 5);
      expect(far.executions.of('a')).to.equal(index + 1);
      await far.clock.pass(10);
    }
    expect(await call).to.equal('good a');
  });

  it('is not made again later than `maxReplayAgeMs` after its first sending', async () => {
    far.failing(9, passing);
    const call = failureOf(far.client.call.idempotent('a'));
    for (let count = 1; count <= 3; count++) {
      await far.replayed(count);
      await far.clock.pass(50 * 2 ** (count - 1) + 5);
    }
    const error = await call;
    expect(error.message).to.include('a repeat this late could undo a newer write');
    expect(error.outcome).to.equal('executed');
  });

  it('waits for a lease that the first copy may have taken', async () => {
    far.failing(1, passing);
    const call = far.client.call.leased('a');
    await far.replayed(1);
    await far.clock.pass(990);
    expect(far.executions.of('a')).to.equal(1);
    await far.clock.pass(20);
    expect(await call).to.equal('good a');
  });

  it('fails at once when the wait does not fit into its deadline', async () => {
    far.failing(9, passing);
    const error = await failureOf(far.client.call.read('a', { timeoutMs: 50 }));
    expect([error.code, error.outcome]).to.deep.equal(['ERR_HOLDFAST_REMOTE', 'executed']);
    expect(error.message).to.include('to wait 50 ms is longer than its deadline');
  });

  it('obeys `replay`', async () => {
    far.failing(9, passing);
    for (const [name, replay] of [
      ['read', 'never'],
      ['idempotent', 'read'],
      ['semi', 'idempotent'],
    ] as const) {
      const error = await failureOf(far.client.call[name](name, { replay }));
      expect([error.outcome, far.executions.of(name)]).to.deep.equal(['executed', 1]);
    }
  });

  it('was executed, whatever becomes of its later attempts', async () => {
    far.failing(1, passing);
    const closed = failureOf(far.client.call.read('a'));
    await far.replayed(1);
    const aborted = new AbortController();
    const cancelled = failureOf(far.client.call.semi('b', { signal: aborted.signal }));
    const late = failureOf(far.client.call.semi('c', { timeoutMs: 51 }));
    await far.replayed(3);
    aborted.abort();
    await far.server.close();
    await far.clock.pass(60);
    for (const [call, code] of [
      [cancelled, 'ERR_HOLDFAST_ABORTED'],
      [late, 'ERR_HOLDFAST_DEADLINE'],
    ] as const) {
      const error = await call;
      expect([error.code, error.outcome]).to.deep.equal([code, 'executed']);
      expect(error.message).to.match(/; it was executed$/);
    }
    far.client.destroy();
    const error = await closed;
    expect([error.code, error.outcome]).to.deep.equal(['ERR_HOLDFAST_CLOSED', 'executed']);
    expect((error.cause as HoldfastError).remote).to.include({ message: 'the store restarts' });
  });

  it('is another call for the server, which keeps the first answer until it is acknowledged', async () => {
    far.failing(1, passing);
    const call = far.client.call.semi('a');
    await far.replayed(1);
    // Numbers that were given meanwhile are not given again.
    for (const name of ['x', 'y', 'z']) await failureOf(far.client.call.mutate(name));
    await far.clock.pass(60);
    expect(await call).to.equal('good a');
    expect(far.executions.of('a')).to.equal(2);
  });

  describe('because it is not accepted', () => {
    it('is made again, and gets the next reply', async () => {
      far.handle = (input) => (far.executions.of(input) < 3 ? 'bad' : 'good');
      const call = far.client.call.read('a', { accept: (output) => output === 'good' });
      await far.replayed(1);
      await far.clock.pass(60);
      await far.replayed(2);
      await far.clock.pass(110);
      expect(await call).to.equal('good');
      expect(far.executions.of('a')).to.equal(3);
    });

    it('looks with the verb and with the call, which may take their time', async () => {
      far.handle = (input) =>
        ['bad', 'good', 'good enough'][far.executions.of(input) - 1] as string;
      const looks: string[] = [];
      const accept = async (output: string): Promise<boolean> => {
        looks.push(output);
        return output.endsWith('enough');
      };
      const call = far.client.call.picky('a', { accept });
      await far.replayed(1);
      await far.clock.pass(60);
      await far.replayed(2);
      await far.clock.pass(110);
      expect(await call).to.equal('good enough');
      expect(looks).to.deep.equal(['good', 'good enough']);
    });

    it('fails with the outcome `executed` and says why', async () => {
      far.handle = () => 'bad';
      const error = await failureOf(far.client.call.mutate('a', { accept: () => false }));
      expect([error.code, error.outcome]).to.deep.equal(['ERR_HOLDFAST_OUTPUT', 'executed']);
      expect(error.message).to.equal(
        'Call "mutate" got a wrong reply: it is not accepted; it was executed, and a "mutate" verb must not be repeated',
      );
    });

    it('takes what `accept` throws for a no', async () => {
      far.handle = () => 'bad';
      const oops = new Error('oops');
      for (const accept of [
        () => {
          throw oops;
        },
        () => Promise.reject(oops),
      ]) {
        const error = await failureOf(far.client.call.mutate('a', { accept }));
        expect(error.cause).to.equal(oops);
        expect(error.message).to.include('it could not be checked: oops');
      }
    });

    it('ends at its deadline while somebody still looks', async () => {
      far.handle = () => 'good';
      let look: () => void = () => {};
      const looking = new Promise<void>((resolve) => {
        look = resolve;
      });
      const accept = (): Promise<boolean> => {
        look();
        return new Promise(() => {});
      };
      const call = failureOf(far.client.call.read('a', { accept, timeoutMs: 100 }));
      await looking;
      expect(far.client.pending).to.equal(1);
      await far.clock.pass(110);
      expect(await call).to.include({ code: 'ERR_HOLDFAST_DEADLINE', outcome: 'executed' });
    });

    it('does not pass the output schema, here or at the server', async () => {
      far.handle = (input) => (far.executions.of(input) < 2 ? 'bad' : 'good');
      const strict = defineVerbs({ ...verbs, read: read({ output: good }) });
      const picky = connect(far.server.urls[0] as string, strict, {
        clock: far.clock,
        random: () => 0.5,
      });
      picky.on('replay', (event) => far.replays.push(event));
      const call = picky.call.read();
      await far.replayed(1);
      await far.clock.pass(60);
      expect(await call).to.equal('good, validated');
      picky.destroy();
      await picky.closed;
      const listen = 'tcp://127.0.0.1:0';
      const served = await serve(
        { read: strict.read },
        { read: () => (far.executions.note('s') && far.executions.of('s') < 2 ? 'bad' : 'good') },
        { listen },
      );
      const plain = connect(
        served.urls[0] as string,
        { read: read<void, string>() },
        {
          clock: far.clock,
          random: () => 0.5,
        },
      );
      plain.on('replay', (event) => far.replays.push(event));
      const checked = plain.call.read();
      await far.replayed(2);
      await far.clock.pass(60);
      expect(await checked).to.equal('good');
      plain.destroy();
      await plain.closed;
      await served.close();
    });
  });
});
